//! Pointers of C, and what can be checked of them.
//!
//! The parameters of the exported functions have these types, which are pointers to C. No Rust code can
//! make one without `unsafe`: C makes them, and promises what `tls_record.h` asks of its callers, that
//! memory is as long as said, and used by one call at a time. What they give is checked first: null and
//! misaligned pointers, lengths that no object has, buffers that overlap, and objects that are not
//! initialised, that were wiped, or that were copied.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use crate::status::Status;

/// A type that the header declares as opaque.
pub trait Object {
    /// Tells its memory from that of other types. No two are the same.
    const KIND: u8;

    /// Returns where the buffer lies that the object keeps its records in, if it does.
    fn buffer(&self) -> Region {
        Region::NONE
    }
}

/// The memory of an opaque object: a mark, and the object.
///
/// The mark is made of the address. Memory that was copied to another place is therefore no object: both
/// copies would seal with the same nonces.
///
/// The kind is in it too, in each byte of a word, which Thumb-2 has in an instruction. A copy would pass as an
/// object of another kind at the distance between their marks: that is no multiple of the alignment, or more
/// than the memory of a small target.
#[repr(C)]
pub struct Memory<T> {
    mark: MaybeUninit<usize>,
    object: MaybeUninit<T>,
}

impl<T: Object> Memory<T> {
    const KIND: usize = u32::from_ne_bytes([T::KIND; 4]) as usize;

    fn mark_of(memory: *const Self) -> usize {
        !memory.addr().wrapping_add(Self::KIND)
    }
}

/// A pointer to an opaque object.
#[repr(transparent)]
pub struct Handle<'a, T>(*mut Memory<T>, PhantomData<&'a mut T>);

impl<'a, T: Object> Handle<'a, T> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `memory` is null, or points to memory that nothing else uses during `'a`. Its bytes are initialised,
    /// if the function does not make the object. If they are those of an object that was made there, it
    /// was left as it was.
    pub const unsafe fn new(memory: *mut Memory<T>) -> Self {
        Self(memory, PhantomData)
    }

    fn check_pointer(&self) -> Result<(), Status> {
        if self.0.is_null() || !self.0.is_aligned() { Err(Status::ARGUMENT) } else { Ok(()) }
    }

    /// Checks that there is an object. Until then no reference is made, because the memory may be in use
    /// as something else.
    #[inline(always)]
    fn check_object(&self) -> Result<(), Status> {
        self.check_pointer()?;
        // SAFETY: the caller has this memory.
        let mark = unsafe { (*self.0).mark };
        // SAFETY: its bytes are an integer, whatever they are.
        let mark = unsafe { mark.assume_init() };
        // It is `Memory::mark_of` this address. Compared in this form it takes an instruction less.
        if mark.wrapping_add(self.0.addr()) == !Memory::<T>::KIND {
            Ok(())
        } else {
            Err(Status::INVALID_HANDLE)
        }
    }

    /// Returns the object.
    #[inline(never)]
    pub(crate) fn get(self) -> Result<&'a mut T, Status> {
        self.get_inline()
    }

    /// The same in the function that calls it: for those of every record.
    #[inline(always)]
    pub(crate) fn get_inline(self) -> Result<&'a mut T, Status> {
        self.check_object()?;
        // SAFETY: the caller has this memory, for this call alone.
        let memory = unsafe { &mut *self.0 };
        // SAFETY: `fill` has set this mark, which no other memory has. `wipe` and `take` remove it.
        Ok(unsafe { memory.object.assume_init_mut() })
    }

    /// Drops the object, which wipes its keys, and overwrites its memory.
    ///
    /// Without a reference to the whole memory: a key store, which destroys a key, can call back and ask
    /// whether there is an object.
    pub(crate) fn wipe(self) -> Status {
        if let Err(status) = self.check_object() {
            return status;
        }
        // SAFETY: the caller has this memory, for this call alone.
        let mark = unsafe { &raw mut (*self.0).mark };
        // SAFETY: as above. From now on there is no object.
        unsafe { mark.write(MaybeUninit::new(0)) };
        // SAFETY: as above.
        let object: *mut T = unsafe { &raw mut (*self.0).object }.cast();
        // Dropped in place, because moving it would leave a copy of its keys.
        // SAFETY: `fill` has made it with its mark, which is removed: it is not dropped again.
        unsafe { object.drop_in_place() };
        // SAFETY: as above.
        wipe(unsafe { &mut *self.0 });
        Status::OK
    }

    /// Makes an object in memory of `size` bytes, as the caller says.
    pub(crate) fn put(self, size: usize, object: T) -> Result<(), Status> {
        self.room(size)?.fill(object);
        Ok(())
    }

    /// Checks that an object has room, before it is made of another.
    pub(crate) fn room(self, size: usize) -> Result<Room<'a, T>, Status> {
        const { assert!(align_of::<Memory<T>>() <= crate::sizes::ALIGNMENT, "TLSR_ALIGNMENT is less") };
        if size < crate::sizes::size::<T>() {
            return Err(Status::SIZE);
        }
        self.check_pointer()?;
        // SAFETY: the caller has this memory, for this call alone.
        Ok(Room(unsafe { &mut *self.0 }))
    }

    /// Checks that there is an object, before it is moved out.
    pub(crate) fn held(self) -> Result<Held<'a, T>, Status> {
        self.check_object()?;
        // SAFETY: the caller has this memory, for this call alone.
        Ok(Held(unsafe { &mut *self.0 }))
    }

    /// Returns an error if this object and another one of the call overlap.
    pub(crate) fn check_beside<U>(&self, other: &Handle<'_, U>) -> Result<(), Status> {
        let own = BytesMut(self.0.cast(), PhantomData);
        let other_bytes = Bytes(other.0.cast_const().cast(), PhantomData);
        own.check_beside(size_of::<Memory<T>>(), other_bytes, size_of::<Memory<U>>())
    }

    /// Returns an error if this object overlaps the buffer of another one.
    pub(crate) fn check_beside_buffer(&self, buffer: Region) -> Result<(), Status> {
        check_two(&self.region(), &buffer)
    }

    pub(crate) fn region(&self) -> Region {
        Region { first: self.addr(), len: size_of::<Memory<T>>() }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    pub(crate) fn addr(&self) -> usize {
        self.0.addr()
    }
}

/// Memory that holds an object.
pub(crate) struct Held<'a, T>(&'a mut Memory<T>);

impl<T: Object> Held<'_, T> {
    pub(crate) fn get(&mut self) -> &mut T {
        // SAFETY: `fill` has set the mark that `held` found.
        unsafe { self.0.object.assume_init_mut() }
    }

    /// Moves the object out, or a part of it. Its memory is wiped.
    #[inline]
    pub(crate) fn take<U>(self, part: impl FnOnce(T) -> U) -> U {
        // SAFETY: as in `get`. The mark is removed below, so that it is not read again.
        let part = part(unsafe { self.0.object.assume_init_read() });
        wipe(self.0);
        part
    }
}

/// Memory that has room for an object.
pub(crate) struct Room<'a, T>(&'a mut Memory<T>);

impl<T: Object> Room<'_, T> {
    #[inline]
    pub(crate) fn fill(self, object: T) {
        let Self(memory) = self;
        // What the memory held before does not remain between the fields.
        wipe(memory);
        memory.object.write(object);
        memory.mark.write(Memory::mark_of(memory));
    }
}

impl<'a, T: Object + Sync> Room<'a, T> {
    /// Makes an object that several others use, each by calls of its own. The caller keeps the memory
    /// until they are wiped.
    pub(crate) fn fill_shared(self, object: T) -> Shared<T> {
        let memory: *mut Memory<T> = self.0;
        // SAFETY: the memory is this room's, whose reference is not used any more.
        Room(unsafe { &mut *memory }).fill(object);
        Shared(memory)
    }
}

/// A pointer to an object that several others use.
pub(crate) struct Shared<T>(*const Memory<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.0, other.0)
    }
}

impl<T: Object + Sync> Shared<T> {
    /// Returns the object, or an error if the memory holds something else now.
    pub(crate) fn get(&self) -> Result<&T, Status> {
        // SAFETY: the caller keeps the memory, and changes it by no call while others use it.
        let memory = unsafe { &*self.0 };
        // SAFETY: `fill` has set this mark, or something else has written there since.
        if unsafe { memory.mark.assume_init() } != Memory::mark_of(self.0) {
            return Err(Status::INVALID_HANDLE);
        }
        // SAFETY: `fill` has made the object with this mark.
        Ok(unsafe { memory.object.assume_init_ref() })
    }
}

/// Overwrites the memory of an object, its mark and its padding, too.
fn wipe<T>(memory: &mut Memory<T>) {
    let first: *mut Memory<T> = memory;
    // SAFETY: that many bytes are behind the reference; zeros are a `Memory` without an object.
    unsafe { ptr::write_bytes(first, 0, 1) };
    // Not left out by the optimizer, although nothing reads it.
    core::hint::black_box(memory);
}

/// A pointer to a value that the engine reads.
#[repr(transparent)]
pub struct In<'a, T>(*const T, PhantomData<&'a T>);

impl<'a, T: Plain> In<'a, T> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `value` is null, or points to a value that nothing changes during `'a`. So do the pointers in it.
    pub const unsafe fn new(value: *const T) -> Self {
        Self(value, PhantomData)
    }

    #[cfg(secrets)]
    pub(crate) fn region(&self) -> Region {
        Region { first: self.0.addr(), len: size_of::<T>() }
    }

    pub(crate) fn get(self) -> Result<&'a T, Status> {
        if self.0.is_null() || !self.0.is_aligned() {
            return Err(Status::ARGUMENT);
        }
        // SAFETY: the caller has this value, and every value that its bytes can have is one.
        Ok(unsafe { &*self.0 })
    }
}

/// A pointer to a value that the engine writes.
#[repr(transparent)]
pub struct Out<'a, T>(*mut T, PhantomData<&'a mut T>);

impl<'a, T: Plain> Out<'a, T> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `value` is null, or points to memory that nothing else uses during `'a`.
    pub const unsafe fn new(value: *mut T) -> Self {
        Self(value, PhantomData)
    }

    #[cfg(secrets)]
    pub(crate) fn region(&self) -> Region {
        Region { first: self.0.addr(), len: size_of::<T>() }
    }

    /// Returns the place of the value. Called before anything is changed.
    #[inline]
    pub(crate) fn place(self) -> Result<Place<'a, T>, Status> {
        if self.0.is_null() || !self.0.is_aligned() {
            return Err(Status::ARGUMENT);
        }
        Ok(Place(self))
    }

    /// Returns the place of a value, and writes zeros there: the caller may read it after an error. Called
    /// before anything else.
    #[inline]
    pub(crate) fn cleared(self) -> Result<Place<'a, T>, Status> {
        let mut place = self.place()?;
        place.write_zeros();
        Ok(place)
    }

    /// Calls `fill` with the place of a value. After an error there are zeros, as with `cleared`, which costs
    /// more: it writes them for every record. Called before anything else.
    #[inline(always)]
    pub(crate) fn filled(
        self,
        fill: impl FnOnce(Place<'_, T>) -> Result<(), Status>,
    ) -> Result<(), Status> {
        let place = self.place()?;
        let filled = fill(Place(Out(place.0.0, PhantomData)));
        if filled.is_err() {
            place.clear();
        }
        filled
    }

    /// The same for a value that the caller may not want: null.
    pub(crate) fn cleared_if_any(self) -> Result<Option<Place<'a, T>>, Status> {
        if self.0.is_null() { Ok(None) } else { self.cleared().map(Some) }
    }
}

/// The place of a value.
///
/// There is no reference to it until it is written, at the end of a call. A caller that lets it overlap a
/// buffer loses bytes of the buffer, and nothing else.
pub(crate) struct Place<'a, T>(Out<'a, T>);

impl<'a, T: Plain> Place<'a, T> {
    #[inline(always)]
    fn write_zeros(&mut self) {
        // SAFETY: the caller has this memory, for this call alone. Zeros are a value of every such type.
        unsafe { ptr::write_bytes(self.0.0, 0, 1) };
    }

    /// Writes zeros, after an error.
    #[cold]
    #[inline(never)]
    fn clear(mut self) {
        self.write_zeros();
    }

    #[inline]
    pub(crate) fn write(self, value: T) -> &'a mut T {
        // SAFETY: the caller has this memory, for this call alone. The value may be uninitialised.
        let place: &mut MaybeUninit<T> = unsafe { &mut *self.0.0.cast() };
        place.write(value)
    }

    /// Returns the value of a place that was cleared.
    #[inline]
    pub(crate) fn value(self) -> &'a mut T {
        // SAFETY: the caller has this memory, for this call alone, and `cleared` has initialised it.
        unsafe { &mut *self.0.0 }
    }
}

/// A type of which every pattern of bits is a value: what C writes needs no check.
///
/// # Safety
/// It is one.
pub unsafe trait Plain {}

// SAFETY: integers.
unsafe impl Plain for u8 {}
// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: integers.
unsafe impl Plain for u64 {}
// SAFETY: integers.
unsafe impl Plain for usize {}
// SAFETY: integers.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// A pointer to bytes that the engine reads. Their number is another parameter.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Bytes<'a>(*const u8, PhantomData<&'a [u8]>);

/// A pointer to bytes that the engine reads and writes. Their number is another parameter.
#[repr(transparent)]
pub struct BytesMut<'a>(*mut u8, PhantomData<&'a mut [u8]>);

impl<'a> Bytes<'a> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `bytes` is null, or points to as many as the parameter behind it says, which nothing changes
    /// during `'a`.
    pub const unsafe fn new(bytes: *const u8) -> Self {
        Self(bytes, PhantomData)
    }

    /// Returns the bytes. Null is an empty slice.
    #[inline]
    pub(crate) fn slice(self, len: usize) -> Result<&'a [u8], Status> {
        if is_too_long(len) { Err(Status::ARGUMENT) } else { self.first(len) }
    }

    /// Returns the first `len` bytes, which is not too many.
    #[inline]
    fn first(self, len: usize) -> Result<&'a [u8], Status> {
        let Some(first) = NonNull::new(self.0.cast_mut()) else { return none(len, &[]) };
        // SAFETY: the caller has that many bytes there.
        Ok(unsafe { core::slice::from_raw_parts(first.as_ptr(), len) })
    }
}

impl<'a> BytesMut<'a> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `bytes` is null, or points to as many as the parameter behind it says, which nothing else uses
    /// during `'a`.
    pub const unsafe fn new(bytes: *mut u8) -> Self {
        Self(bytes, PhantomData)
    }

    /// Returns the bytes. Null is an empty slice.
    #[inline]
    pub(crate) fn slice(self, len: usize) -> Result<&'a mut [u8], Status> {
        if is_too_long(len) { Err(Status::ARGUMENT) } else { self.first(len) }
    }

    /// Returns the first `len` bytes, which is not too many.
    #[inline]
    fn first(self, len: usize) -> Result<&'a mut [u8], Status> {
        let Some(first) = NonNull::new(self.0) else { return none(len, &mut []) };
        // SAFETY: the caller has that many bytes there, for this call alone.
        Ok(unsafe { core::slice::from_raw_parts_mut(first.as_ptr(), len) })
    }

    #[cfg(secrets)]
    pub(crate) fn region(&self, len: usize) -> Region {
        Region { first: self.0.addr(), len }
    }

    /// Returns the bytes for an object that keeps them. They may not wrap around the end of the addresses; for
    /// buffers of each record this check costs more than it finds.
    pub(crate) fn owned(self, len: usize) -> Result<Owned, Status> {
        if self.0.is_null()
            || is_too_long(len)
            || self.0.addr().checked_add(len.saturating_sub(1)).is_none()
        {
            return Err(Status::ARGUMENT);
        }
        Ok(Owned(self.0, len))
    }

    /// Returns these bytes and those that are read beside them, which must lie elsewhere.
    #[inline]
    pub(crate) fn beside(
        self,
        len: usize,
        other: Bytes<'a>,
        other_len: usize,
    ) -> Result<(&'a mut [u8], &'a [u8]), Status> {
        // Both at once.
        if is_too_long(len | other_len) {
            return Err(Status::ARGUMENT);
        }
        self.check_beside(len, other, other_len)?;
        Ok((self.first(len)?, other.first(other_len)?))
    }

    #[inline]
    fn check_beside(&self, len: usize, other: Bytes<'_>, other_len: usize) -> Result<(), Status> {
        let one = Region { first: self.0.addr(), len };
        check_two(&one, &Region { first: other.0.addr(), len: other_len })
    }

    /// Returns these bytes and the parts of a message that are read beside them.
    pub(crate) fn beside_parts(
        self,
        len: usize,
        parts: Parts<'a>,
        count: usize,
    ) -> Result<(&'a mut [u8], PartsOf<'a>), Status> {
        let all = parts.get(count)?;
        for part in all.get() {
            self.check_beside(len, Bytes(part.as_ptr(), PhantomData), part.len())?;
        }
        // The array of the parts was read: it is not needed any more.
        Ok((self.slice(len)?, all))
    }

    /// Returns an error if these bytes overlap the memory of an object.
    pub(crate) fn check_beside_object<T>(
        &self,
        len: usize,
        object: &Handle<'_, T>,
    ) -> Result<(), Status> {
        let other = Bytes(object.0.cast_const().cast(), PhantomData);
        self.check_beside(len, other, size_of::<Memory<T>>())
    }
}

/// Bytes that an object keeps: the caller leaves them to it until it is wiped.
pub struct Owned(*mut u8, usize);

impl Owned {
    pub(crate) fn region(&self) -> Region {
        Region { first: self.0.addr(), len: self.1 }
    }
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `BytesMut::owned` has checked them. The caller leaves them to the object.
        unsafe { core::slice::from_raw_parts(self.0, self.1) }
    }
}

impl AsMut<[u8]> for Owned {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the object is borrowed.
        unsafe { core::slice::from_raw_parts_mut(self.0, self.1) }
    }
}

/// Where something lies that C passes.
#[derive(Clone, Copy)]
pub struct Region {
    first: usize,
    len: usize,
}

impl Region {
    pub(crate) const NONE: Self = Self { first: 0, len: 0 };
}

/// Returns an error if two of these overlap.
#[cfg(secrets)]
pub(crate) fn check_apart(regions: &[Region]) -> Result<(), Status> {
    for (index, one) in regions.iter().enumerate() {
        for other in regions.iter().take(index) {
            check_two(one, other)?;
        }
    }
    Ok(())
}

#[inline]
fn check_two(one: &Region, other: &Region) -> Result<(), Status> {
    // One of the distances wraps, and is longer than every object.
    let is_apart = one.first.wrapping_sub(other.first) >= other.len
        && other.first.wrapping_sub(one.first) >= one.len;
    if is_apart { Ok(()) } else { overlapping(one.len, other.len) }
}

/// Bytes that overlap, if neither are none.
#[cold]
#[inline(never)]
const fn overlapping(len: usize, other_len: usize) -> Result<(), Status> {
    if len == 0 || other_len == 0 { Ok(()) } else { Err(Status::ARGUMENT) }
}

/// Null, which is no bytes.
#[cold]
fn none<T>(len: usize, empty: T) -> Result<T, Status> {
    if len == 0 { Ok(empty) } else { Err(Status::ARGUMENT) }
}

/// No object is longer than this (`PTRDIFF_MAX`).
const fn is_too_long(len: usize) -> bool {
    len > isize::MAX as usize
}

/// `tlsr_slice`: bytes that are read.
#[repr(C)]
pub struct Slice {
    /// The first byte, or null if there are none.
    pub data: *const u8,
    /// Their number.
    pub len: usize,
}

// SAFETY: a pointer and an integer; the pointer is checked when it is used.
unsafe impl Plain for Slice {}

impl Slice {
    /// Bytes that the caller reads before its next call.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// `tlsr_slice_mut`: bytes that the caller may change.
#[repr(C)]
pub struct SliceMut {
    /// The first byte.
    pub data: *mut u8,
    /// Their number.
    pub len: usize,
}

// SAFETY: a pointer and an integer; the engine never reads them.
unsafe impl Plain for SliceMut {}

impl SliceMut {
    /// Bytes that the caller changes before its next call.
    pub(crate) const fn of(bytes: &mut [u8]) -> Self {
        Self { data: bytes.as_mut_ptr(), len: bytes.len() }
    }
}

/// A pointer to an array of [`SliceMut`]. Their number is another parameter.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct PartsMut<'a>(*const SliceMut, PhantomData<&'a mut [u8]>);

impl<'a> PartsMut<'a> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `parts` is null, or points to as many slices as the parameter behind it says. Nothing else uses them
    /// and their bytes during `'a`.
    pub const unsafe fn new(parts: *const SliceMut) -> Self {
        Self(parts, PhantomData)
    }

    /// Returns the pieces, which must not overlap.
    #[cfg(feature = "long-records")]
    pub(crate) fn get(self, count: usize) -> Result<PartsMutOf<'a>, Status> {
        let mut pieces: [&mut [u8]; MAX_PARTS] = Default::default();
        if count == 0 {
            return Ok(PartsMutOf { pieces, count });
        }
        if count > MAX_PARTS || self.0.is_null() || !self.0.is_aligned() {
            return Err(Status::ARGUMENT);
        }
        // SAFETY: the caller has that many slices there.
        let slices = unsafe { core::slice::from_raw_parts(self.0, count) };
        let array = Bytes(self.0.cast(), PhantomData);
        for (index, one) in slices.iter().enumerate() {
            // The array is read while there are references to the pieces.
            BytesMut(one.data, PhantomData).check_beside(one.len, array, size_of_val(slices))?;
            for other in slices.iter().take(index) {
                let other_bytes = Bytes(other.data, PhantomData);
                BytesMut(one.data, PhantomData).check_beside(one.len, other_bytes, other.len)?;
            }
        }
        for (piece, slice) in pieces.iter_mut().zip(slices) {
            *piece = BytesMut(slice.data, PhantomData).slice(slice.len)?;
        }
        Ok(PartsMutOf { pieces, count })
    }
}

/// The pieces of a record.
#[cfg(feature = "long-records")]
pub(crate) struct PartsMutOf<'a> {
    pieces: [&'a mut [u8]; MAX_PARTS],
    count: usize,
}

#[cfg(feature = "long-records")]
impl<'a> PartsMutOf<'a> {
    pub(crate) fn get(&mut self) -> &mut [&'a mut [u8]] {
        self.pieces.get_mut(..self.count).unwrap_or_default()
    }
}

/// Most parts of a message or pieces of a record in one call.
pub(crate) const MAX_PARTS: usize = 8;

/// A pointer to an array of [`Slice`]. Their number is another parameter.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Parts<'a>(*const Slice, PhantomData<&'a [u8]>);

/// The parts of a message.
pub(crate) struct PartsOf<'a> {
    parts: [&'a [u8]; MAX_PARTS],
    count: usize,
}

impl<'a> PartsOf<'a> {
    pub(crate) fn get(&self) -> &[&'a [u8]] {
        self.parts.get(..self.count).unwrap_or_default()
    }
}

impl<'a> Parts<'a> {
    /// Makes what C passes, for tests.
    ///
    /// # Safety
    /// `parts` is null, or points to as many slices as the parameter behind it says. Nothing changes
    /// them and their bytes during `'a`.
    pub const unsafe fn new(parts: *const Slice) -> Self {
        Self(parts, PhantomData)
    }

    fn slices(self, count: usize) -> Result<&'a [Slice], Status> {
        if count == 0 {
            return Ok(&[]);
        }
        if count > MAX_PARTS || self.0.is_null() || !self.0.is_aligned() {
            return Err(Status::ARGUMENT);
        }
        // SAFETY: the caller has that many slices there.
        Ok(unsafe { core::slice::from_raw_parts(self.0, count) })
    }

    pub(crate) fn get(self, count: usize) -> Result<PartsOf<'a>, Status> {
        let mut parts: [&[u8]; MAX_PARTS] = [&[]; MAX_PARTS];
        for (part, slice) in parts.iter_mut().zip(self.slices(count)?) {
            *part = Bytes(slice.data, PhantomData).slice(slice.len)?;
        }
        Ok(PartsOf { parts, count })
    }
}
