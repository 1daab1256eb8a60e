//! A fixed number of connections, each identified by a handle that is never reused.

use heapless::Vec;

/// A set of up to `N` connections. It is large, and usually a `static`.
///
/// `C` is a [`Connection`](crate::Connection), or a struct that holds a connection and its
/// transport. A [`Handle`] refers to one connection only: after [`remove`](Self::remove), and in
/// another set, it is refused as an [`InvalidHandle`].
///
/// ```
/// use tls_record::{ConnectionSet, InvalidHandle};
///
/// let mut set = ConnectionSet::<&str, 4>::new(1);
/// let first = set.insert("a connection").unwrap();
/// assert_eq!(set.remove(first), Ok("a connection"));
/// // The place is used again; the handle is not.
/// let second = set.insert("another").unwrap();
/// assert_eq!(set.get(first), Err(InvalidHandle));
/// assert_eq!(set.get(second), Ok(&"another"));
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConnectionSet<C, const N: usize> {
    id: u16,
    places: Vec<Place<C>, N>,
}

#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Place<C> {
    generation: u32,
    connection: Option<C>,
}

/// Identifies a connection in a [`ConnectionSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Handle {
    set: u16,
    place: u16,
    generation: u32,
}

/// The handle belongs to another set, or its connection was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InvalidHandle;

impl core::fmt::Display for InvalidHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("invalid handle: no such connection in this set")
    }
}

impl core::error::Error for InvalidHandle {}

impl<C, const N: usize> ConnectionSet<C, N> {
    const FITS: () = assert!(N <= u16::MAX as usize, "N must be at most 65,535");

    /// Creates an empty set. Give each set of a program its own `id`, so that a set recognizes the
    /// handles of others.
    pub const fn new(id: u16) -> Self {
        () = Self::FITS;
        Self { id, places: Vec::new() }
    }

    /// Adds a connection to the set.
    ///
    /// # Errors
    /// The connection itself, if the set is full.
    pub fn insert(&mut self, connection: C) -> Result<Handle, C> {
        // A place whose generations are used up is never used again: its handles would repeat.
        let is_free = |place: &Place<C>| place.connection.is_none() && place.generation != u32::MAX;
        let (at, place) = match self.places.iter().position(is_free) {
            Some(at) => (at, self.places.get_mut(at)),
            None => {
                let at = self.places.len();
                if at == N {
                    return Err(connection);
                }
                let _ = self.places.push(Place { generation: 0, connection: None });
                (at, self.places.get_mut(at))
            }
        };
        let Some(place) = place else { return Err(connection) };
        place.connection = Some(connection);
        // FITS: the index of a place has 16 bits.
        Ok(Handle { set: self.id, place: at as u16, generation: place.generation })
    }

    /// Returns the connection.
    ///
    /// # Errors
    /// [`InvalidHandle`] if `handle` belongs to another set, or its connection was removed.
    pub fn get(&self, handle: Handle) -> Result<&C, InvalidHandle> {
        self.places
            .get(usize::from(handle.place))
            .filter(|place| handle.set == self.id && handle.generation == place.generation)
            .and_then(|place| place.connection.as_ref())
            .ok_or(InvalidHandle)
    }

    /// Returns the connection, mutably.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn get_mut(&mut self, handle: Handle) -> Result<&mut C, InvalidHandle> {
        self.place_mut(handle)?.connection.as_mut().ok_or(InvalidHandle)
    }

    /// Removes the connection from the set and returns it. Its handle becomes invalid.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn remove(&mut self, handle: Handle) -> Result<C, InvalidHandle> {
        let place = self.place_mut(handle)?;
        let connection = place.connection.take().ok_or(InvalidHandle)?;
        place.generation = place.generation.saturating_add(1);
        Ok(connection)
    }

    fn place_mut(&mut self, handle: Handle) -> Result<&mut Place<C>, InvalidHandle> {
        self.places
            .get_mut(usize::from(handle.place))
            .filter(|place| handle.set == self.id && handle.generation == place.generation)
            .ok_or(InvalidHandle)
    }

    /// Returns an iterator over the connections and their handles.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Handle, &mut C)> {
        let set = self.id;
        // FITS: there are no more places. The range has an end so that the compiler sees that
        // counting cannot overflow.
        self.places.iter_mut().zip(0..u16::MAX).filter_map(move |(place, at)| {
            let handle = Handle { set, place: at, generation: place.generation };
            place.connection.as_mut().map(|connection| (handle, connection))
        })
    }

    /// Returns the number of connections.
    pub fn len(&self) -> usize {
        let connections = self.places.iter().filter(|place| place.connection.is_some());
        connections.fold(0, |len: usize, _| len.saturating_add(1))
    }

    /// Returns whether the set has no connections.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // After 2^32 - 1 connections in one place, the next would get the handle of the first.
    #[test]
    fn a_place_whose_generations_are_used_up_is_not_used_again() {
        let mut set = ConnectionSet::<&str, 2>::new(1);
        let first = set.insert("first").unwrap();
        set.remove(first).unwrap();
        set.places[0].generation = u32::MAX - 1;
        let last = set.insert("last").unwrap();
        assert_eq!(set.remove(last), Ok("last"));
        assert_eq!(set.get(last), Err(InvalidHandle));
        assert_eq!(set.remove(last), Err(InvalidHandle));

        let other = set.insert("other").unwrap();
        assert_eq!((last.place, other.place), (0, 1));
        assert_eq!(set.insert("one too many"), Err("one too many"));
        assert_eq!((set.get(first), set.get(other)), (Err(InvalidHandle), Ok(&"other")));
    }
}
