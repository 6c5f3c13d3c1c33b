//! The compression function on the SHA extensions (SHA-NI), for one or two lanes at a time.
//!
//! Guarantees: `compress` reads exactly the blocks it is given and is called only where
//! `is_supported` said so. Source: Intel, "Intel SHA Extensions", 2013, section 3; FIPS 180-4, 6.2.2.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi64x,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32, _mm_storeu_si128,
};

use crate::K;

/// Say whether the processor has what `compress` needs.
pub(crate) fn is_supported() -> bool {
    is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("sse4.1")
        && is_x86_feature_detected!("ssse3")
}

/// Compress each lane's blocks into its state; all lanes hold the same number of whole blocks.
///
/// # Panics
///
/// When the lanes' lengths differ or are no multiple of 64.
#[target_feature(enable = "sha,sse4.1,ssse3")]
pub(crate) fn compress<const N: usize>(states: &mut [[u32; 8]; N], lanes: [&[u8]; N]) {
    let length = lanes[0].len();
    assert!(length.is_multiple_of(64) && lanes.iter().all(|lane| lane.len() == length));
    let mut abef = [zero(); N];
    let mut cdgh = [zero(); N];
    for n in 0..N {
        (abef[n], cdgh[n]) = load_state(&states[n]);
    }
    let mut at = 0;
    while at < length {
        (abef, cdgh) = block(abef, cdgh, &lanes, at);
        at += 64;
    }
    for n in 0..N {
        store_state(&mut states[n], abef[n], cdgh[n]);
    }
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn zero() -> __m128i {
    _mm_set_epi64x(0, 0)
}

/// Compress the block at `at` of every lane, interleaved.
#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn block<const N: usize>(
    abef_in: [__m128i; N],
    cdgh_in: [__m128i; N],
    lanes: &[&[u8]; N],
    at: usize,
) -> ([__m128i; N], [__m128i; N]) {
    let mut abef = abef_in;
    let mut cdgh = cdgh_in;
    let mut w = [[zero(); N]; 4];
    // Four rounds: the constant, two rounds, the other half of the words, two rounds.
    macro_rules! rounds {
        ($i:expr) => {
            for n in 0..N {
                let words = _mm_add_epi32(w[$i % 4][n], constants($i));
                cdgh[n] = _mm_sha256rnds2_epu32(cdgh[n], abef[n], words);
                abef[n] = _mm_sha256rnds2_epu32(abef[n], cdgh[n], _mm_shuffle_epi32(words, 0x0e));
            }
        };
    }
    macro_rules! loaded {
        ($($i:expr),*) => {$(
            for n in 0..N {
                w[$i][n] = load_words(&lanes[n][at + 16 * $i..at + 16 * $i + 16]);
            }
            rounds!($i);
        )*};
    }
    macro_rules! scheduled {
        ($($i:expr),*) => {$(
            for n in 0..N {
                let early = _mm_sha256msg1_epu32(w[$i % 4][n], w[($i + 1) % 4][n]);
                let middle = _mm_alignr_epi8(w[($i + 3) % 4][n], w[($i + 2) % 4][n], 4);
                w[$i % 4][n] = _mm_sha256msg2_epu32(_mm_add_epi32(early, middle), w[($i + 3) % 4][n]);
            }
            rounds!($i);
        )*};
    }
    loaded!(0, 1, 2, 3);
    scheduled!(4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for n in 0..N {
        abef[n] = _mm_add_epi32(abef[n], abef_in[n]);
        cdgh[n] = _mm_add_epi32(cdgh[n], cdgh_in[n]);
    }
    (abef, cdgh)
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn constants(i: usize) -> __m128i {
    let four = &K[4 * i..4 * i + 4];
    // SAFETY: `four` is a slice of four u32, 16 bytes; the load needs no alignment.
    unsafe { _mm_loadu_si128(four.as_ptr().cast()) }
}

/// Load four message words, which are big-endian in the message.
#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn load_words(bytes: &[u8]) -> __m128i {
    let bytes: &[u8; 16] = bytes.try_into().expect("sixteen bytes");
    let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    // SAFETY: `bytes` is 16 readable bytes; the load needs no alignment.
    let words = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm_shuffle_epi8(words, swap)
}

/// Bring a..h into the two registers that the instructions work on.
#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn load_state(state: &[u32; 8]) -> (__m128i, __m128i) {
    let (low, high) = state.split_at(4);
    // SAFETY: `low` is four u32, 16 readable bytes; the load needs no alignment.
    let dcba = unsafe { _mm_loadu_si128(low.as_ptr().cast()) };
    // SAFETY: `high` is four u32, 16 readable bytes; the load needs no alignment.
    let hgfe = unsafe { _mm_loadu_si128(high.as_ptr().cast()) };
    let cdab = _mm_shuffle_epi32(dcba, 0xb1);
    let efgh = _mm_shuffle_epi32(hgfe, 0x1b);
    (_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0))
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn store_state(state: &mut [u32; 8], abef: __m128i, cdgh: __m128i) {
    let feba = _mm_shuffle_epi32(abef, 0x1b);
    let dchg = _mm_shuffle_epi32(cdgh, 0xb1);
    let dcba = _mm_blend_epi16(feba, dchg, 0xf0);
    let hgfe = _mm_alignr_epi8(dchg, feba, 8);
    let (low, high) = state.split_at_mut(4);
    // SAFETY: `low` is four u32, 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(low.as_mut_ptr().cast(), dcba) };
    // SAFETY: `high` is four u32, 16 writable bytes; the store needs no alignment.
    unsafe { _mm_storeu_si128(high.as_mut_ptr().cast(), hgfe) };
}
