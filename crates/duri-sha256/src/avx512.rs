//! The compression function on AVX-512, sixteen lanes at a time.
//!
//! Guarantees: `compress` reads exactly the blocks it is given and is called only where
//! `is_supported` said so. Source: FIPS 180-4, 6.2.2; one 32-bit word of each lane a vector.

use core::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_loadu_si512, _mm512_ror_epi32, _mm512_set_epi64,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_shuffle_i32x4,
    _mm512_srli_epi32, _mm512_storeu_si512, _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use crate::K;

/// How many buffers are hashed together.
pub(crate) const LANES: usize = 16;

/// Say whether the processor has what `compress` needs.
pub(crate) fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

/// The states of sixteen lanes: word `i` of lane `n` is `words[i][n]`.
#[derive(Clone)]
#[repr(align(64))]
pub(crate) struct States {
    pub(crate) words: [[u32; LANES]; 8],
}

/// Compress each lane's blocks into its state; all lanes hold the same number of whole blocks.
///
/// # Panics
///
/// When the lanes' lengths differ or are no multiple of 64.
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn compress(states: &mut States, lanes: &[&[u8]; LANES]) {
    let length = lanes[0].len();
    assert!(length.is_multiple_of(64) && lanes.iter().all(|lane| lane.len() == length));
    let mut state = [_mm512_setzero_si512(); 8];
    for (vector, words) in state.iter_mut().zip(&states.words) {
        // SAFETY: `words` is sixteen u32, 64 readable bytes; the load needs no alignment.
        *vector = unsafe { _mm512_loadu_si512(words.as_ptr().cast()) };
    }
    let mut at = 0;
    while at < length {
        state = block(&state, load_block(lanes, at));
        at += 64;
    }
    for (vector, words) in state.iter().zip(&mut states.words) {
        // SAFETY: `words` is sixteen u32, 64 writable bytes; the store needs no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), *vector) };
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
#[allow(clippy::many_single_char_names, reason = "the names that FIPS 180-4 gives them")]
fn block(start: &[__m512i; 8], mut w: [__m512i; 16]) -> [__m512i; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *start;
    macro_rules! round {
        ($a:ident, $b:ident, $c:ident, $d:ident, $e:ident, $f:ident, $g:ident, $h:ident, $k:expr, $i:expr) => {
            let constant = _mm512_set1_epi32(K[$k + $i].cast_signed());
            let s1 =
                xor3(_mm512_ror_epi32($e, 6), _mm512_ror_epi32($e, 11), _mm512_ror_epi32($e, 25));
            // 0xca is "f where e, else g": Ch. 0xe8 is the majority of three: Maj.
            let ch = _mm512_ternarylogic_epi32($e, $f, $g, 0xca);
            let t1 = _mm512_add_epi32(
                _mm512_add_epi32(_mm512_add_epi32($h, s1), ch),
                _mm512_add_epi32(constant, w[$i]),
            );
            let s0 =
                xor3(_mm512_ror_epi32($a, 2), _mm512_ror_epi32($a, 13), _mm512_ror_epi32($a, 22));
            let maj = _mm512_ternarylogic_epi32($a, $b, $c, 0xe8);
            $d = _mm512_add_epi32($d, t1);
            $h = _mm512_add_epi32(t1, _mm512_add_epi32(s0, maj));
        };
    }
    macro_rules! sixteen {
        ($k:expr) => {
            round!(a, b, c, d, e, f, g, h, $k, 0);
            round!(h, a, b, c, d, e, f, g, $k, 1);
            round!(g, h, a, b, c, d, e, f, $k, 2);
            round!(f, g, h, a, b, c, d, e, $k, 3);
            round!(e, f, g, h, a, b, c, d, $k, 4);
            round!(d, e, f, g, h, a, b, c, $k, 5);
            round!(c, d, e, f, g, h, a, b, $k, 6);
            round!(b, c, d, e, f, g, h, a, $k, 7);
            round!(a, b, c, d, e, f, g, h, $k, 8);
            round!(h, a, b, c, d, e, f, g, $k, 9);
            round!(g, h, a, b, c, d, e, f, $k, 10);
            round!(f, g, h, a, b, c, d, e, $k, 11);
            round!(e, f, g, h, a, b, c, d, $k, 12);
            round!(d, e, f, g, h, a, b, c, $k, 13);
            round!(c, d, e, f, g, h, a, b, $k, 14);
            round!(b, c, d, e, f, g, h, a, $k, 15);
        };
    }
    sixteen!(0);
    w = schedule(w);
    sixteen!(16);
    w = schedule(w);
    sixteen!(32);
    w = schedule(w);
    sixteen!(48);
    let end = [a, b, c, d, e, f, g, h];
    let mut sum = *start;
    for (total, part) in sum.iter_mut().zip(end) {
        *total = _mm512_add_epi32(*total, part);
    }
    sum
}

/// The next sixteen words of the message schedule.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn schedule(mut w: [__m512i; 16]) -> [__m512i; 16] {
    macro_rules! next {
        ($($i:expr),*) => {$(
            let x = w[($i + 1) % 16];
            let s0 = xor3(_mm512_ror_epi32(x, 7), _mm512_ror_epi32(x, 18), _mm512_srli_epi32(x, 3));
            let y = w[($i + 14) % 16];
            let s1 = xor3(_mm512_ror_epi32(y, 17), _mm512_ror_epi32(y, 19), _mm512_srli_epi32(y, 10));
            w[$i] = _mm512_add_epi32(
                _mm512_add_epi32(w[$i], s0),
                _mm512_add_epi32(w[($i + 9) % 16], s1),
            );
        )*};
    }
    next!(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    w
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32(a, b, c, 0x96)
}

/// Load one block of each lane and transpose: word `i` of all lanes into vector `i`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn load_block(lanes: &[&[u8]; LANES], at: usize) -> [__m512i; 16] {
    let mut rows = [_mm512_setzero_si512(); 16];
    for (row, lane) in rows.iter_mut().zip(lanes) {
        let bytes: &[u8; 64] = lane[at..at + 64].try_into().expect("one block");
        // SAFETY: `bytes` is 64 readable bytes; the load needs no alignment.
        *row = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
    }
    let swap = _mm512_set_epi64(
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
        0x0c0d_0e0f_0809_0a0b,
        0x0405_0607_0001_0203,
    );
    let mut w = transpose(&rows);
    for vector in &mut w {
        *vector = _mm512_shuffle_epi8(*vector, swap);
    }
    w
}

/// Transpose sixteen rows of sixteen words.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn transpose(r: &[__m512i; 16]) -> [__m512i; 16] {
    let mut t = *r;
    // 1. Four rows at a time: within each 128-bit quarter, transpose 4 × 4 words. Then t[4g + c]
    //    holds, in quarter q, column 4q + c of rows 4g..4g+4.
    for g in 0..4 {
        let (r0, r1, r2, r3) = (r[4 * g], r[4 * g + 1], r[4 * g + 2], r[4 * g + 3]);
        let low01 = _mm512_unpacklo_epi32(r0, r1);
        let high01 = _mm512_unpackhi_epi32(r0, r1);
        let low23 = _mm512_unpacklo_epi32(r2, r3);
        let high23 = _mm512_unpackhi_epi32(r2, r3);
        t[4 * g] = _mm512_unpacklo_epi64(low01, low23);
        t[4 * g + 1] = _mm512_unpackhi_epi64(low01, low23);
        t[4 * g + 2] = _mm512_unpacklo_epi64(high01, high23);
        t[4 * g + 3] = _mm512_unpackhi_epi64(high01, high23);
    }
    // 2. Gather quarter q of the four groups into column 4q + c.
    let mut out = *r;
    for c in 0..4 {
        let (g0, g1, g2, g3) = (t[c], t[4 + c], t[8 + c], t[12 + c]);
        let low01 = _mm512_shuffle_i32x4(g0, g1, 0x44);
        let high01 = _mm512_shuffle_i32x4(g0, g1, 0xee);
        let low23 = _mm512_shuffle_i32x4(g2, g3, 0x44);
        let high23 = _mm512_shuffle_i32x4(g2, g3, 0xee);
        out[c] = _mm512_shuffle_i32x4(low01, low23, 0x88);
        out[4 + c] = _mm512_shuffle_i32x4(low01, low23, 0xdd);
        out[8 + c] = _mm512_shuffle_i32x4(high01, high23, 0x88);
        out[12 + c] = _mm512_shuffle_i32x4(high01, high23, 0xdd);
    }
    out
}
