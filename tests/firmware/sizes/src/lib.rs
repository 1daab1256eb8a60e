//! What the measured binaries have in common.

#![no_std]

/// Functions to keep: their addresses, so that no caller takes their code into its own.
#[repr(transparent)]
pub struct Keep<const LEN: usize>(pub [*const (); LEN]);

// SAFETY: nobody reads what they point to.
unsafe impl<const LEN: usize> Sync for Keep<LEN> {}

/// A binary with these functions in it and nothing else.
#[macro_export]
macro_rules! keep {
    ($($type:ty: $($function:ident)*;)*) => {
        static KEEP: $crate::Keep<{ [$($(stringify!($function)),*),*].len() }> =
            $crate::Keep([$($(<$type>::$function as *const ()),*),*]);

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
