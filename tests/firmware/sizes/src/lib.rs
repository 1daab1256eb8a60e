//! Shared code of the measured binaries.

#![no_std]

/// The addresses of functions, which keep them from being removed or inlined.
#[repr(transparent)]
pub struct Keep<const LEN: usize>(pub [*const (); LEN]);

// SAFETY: the pointers are never dereferenced.
unsafe impl<const LEN: usize> Sync for Keep<LEN> {}

/// A binary with these functions in it and nothing else.
#[macro_export]
macro_rules! keep {
    ($($type:ty: $($function:ident)*;)*) => {
        $crate::keep_all!($($(<$type>::$function),*),*);
    };
}

/// A binary with these functions of a module in it and nothing else.
#[macro_export]
macro_rules! keep_functions {
    ($module:ident: $($function:ident)*) => {
        $crate::keep_all!($($module::$function),*);
    };
}

/// Keeps the functions of these paths.
#[doc(hidden)]
#[macro_export]
macro_rules! keep_all {
    ($($function:expr),*) => {
        static KEEP: $crate::Keep<{ [$(stringify!($function)),*].len() }> =
            $crate::Keep([$($function as *const ()),*]);

        #[unsafe(no_mangle)]
        extern "C" fn _start() {
            core::hint::black_box(&KEEP);
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {}
        }
    };
}
