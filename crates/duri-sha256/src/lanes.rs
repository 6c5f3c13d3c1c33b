//! Which buffer runs in which lane.
//!
//! Guarantees: every buffer is padded (FIPS 180-4, 5.1.1) and finished exactly once, and a lane that
//! ends takes the next buffer at once. Sixteen lanes run while at least `WIDE_ENOUGH` of them have
//! work; what is left then runs two by two, and the last alone.
//!
//! It leaves the compression itself to `ni` and `avx512`, and the check of the processor to `lib`.

#![cfg(target_arch = "x86_64")]

use crate::avx512::{self, LANES, States};
use crate::{Digest, ni};

/// Sixteen lanes take as long as seven single ones on two SHA-NI streams, whoever uses them.
const WIDE_ENOUGH: usize = 10;

const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

static IDLE: [u8; 64] = [0; 64];

/// One buffer on its way: what is left of it, then its padded end.
struct Lane<'a> {
    index: usize,
    rest: &'a [u8],
    tail: [u8; 128],
    tail_at: usize,
    tail_end: usize,
}

impl<'a> Lane<'a> {
    fn new(index: usize, buffer: &'a [u8]) -> Self {
        let whole = buffer.len() - buffer.len() % 64;
        let (rest, end) = buffer.split_at(whole);
        let mut tail = [0; 128];
        tail[..end.len()].copy_from_slice(end);
        tail[end.len()] = 0x80;
        let tail_end = if end.len() < 56 { 64 } else { 128 };
        let bits = (buffer.len() as u64) * 8;
        tail[tail_end - 8..tail_end].copy_from_slice(&bits.to_be_bytes());
        Self { index, rest, tail, tail_at: 0, tail_end }
    }

    /// The whole blocks that lie in one piece next.
    fn blocks(&self) -> &[u8] {
        if self.rest.is_empty() { &self.tail[self.tail_at..self.tail_end] } else { self.rest }
    }

    /// Step over blocks that were compressed; true when none is left.
    fn advance(&mut self, length: usize) -> bool {
        if self.rest.is_empty() {
            self.tail_at += length;
            self.tail_at == self.tail_end
        } else {
            self.rest = &self.rest[length..];
            false
        }
    }
}

fn finish(state: &[u32; 8], digest: &mut Digest) {
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

/// Hash all buffers; `wide` says that the sixteen lanes of AVX-512 may be used.
///
/// Called only where `ni::is_supported`, and with `wide` only where `avx512::is_supported`.
pub(crate) fn digest_many(buffers: &[&[u8]], out: &mut [Digest], wide: bool) {
    let mut waiting = buffers.iter().enumerate().map(|(index, buffer)| Lane::new(index, buffer));
    let mut begun = Vec::new();
    if wide && buffers.len() >= WIDE_ENOUGH {
        begun = sixteen(&mut waiting, out);
    }
    let mut next = || begun.pop().or_else(|| waiting.next().map(|lane| (lane, START)));
    let mut first = next();
    let mut second = next();
    while let (Some((one, one_state)), Some((two, two_state))) = (&mut first, &mut second) {
        let length = one.blocks().len().min(two.blocks().len());
        let mut states = [*one_state, *two_state];
        let lanes = [&one.blocks()[..length], &two.blocks()[..length]];
        // SAFETY: the caller checked `ni::is_supported`.
        unsafe { ni::compress::<2>(&mut states, lanes) };
        [*one_state, *two_state] = states;
        let one_ends = one.advance(length);
        let two_ends = two.advance(length);
        if one_ends {
            finish(one_state, &mut out[one.index]);
            first = next();
        }
        if two_ends {
            finish(two_state, &mut out[two.index]);
            second = next();
        }
    }
    while let Some((mut lane, state)) = first.take().or_else(|| second.take()) {
        let mut states = [state];
        loop {
            let length = lane.blocks().len();
            // SAFETY: the caller checked `ni::is_supported`.
            unsafe { ni::compress::<1>(&mut states, [lane.blocks()]) };
            if lane.advance(length) {
                break;
            }
        }
        finish(&states[0], &mut out[lane.index]);
    }
}

/// Run sixteen lanes until too few have work; return the lanes that are still on their way.
fn sixteen<'a>(
    waiting: &mut impl Iterator<Item = Lane<'a>>,
    out: &mut [Digest],
) -> Vec<(Lane<'a>, [u32; 8])> {
    let mut lanes: [Option<Lane<'a>>; LANES] = std::array::from_fn(|_| waiting.next());
    let mut states = States { words: START.map(|word| [word; LANES]) };
    let mut working = lanes.iter().flatten().count();
    while working >= WIDE_ENOUGH {
        let length = lanes.iter().flatten().map(|lane| lane.blocks().len()).min().unwrap_or(0);
        // An idle lane goes through the motions on zeros, one block at a time.
        let length = if working < LANES { length.min(IDLE.len()) } else { length };
        let blocks: [&[u8]; LANES] = std::array::from_fn(|n| {
            lanes[n].as_ref().map_or_else(|| &IDLE[..length], |lane| &lane.blocks()[..length])
        });
        // SAFETY: the caller checked `avx512::is_supported`.
        unsafe { avx512::compress(&mut states, &blocks) };
        for (n, slot) in lanes.iter_mut().enumerate() {
            let Some(lane) = slot else { continue };
            if lane.advance(length) {
                finish(&state_of(&states, n), &mut out[lane.index]);
                *slot = waiting.next();
                if slot.is_none() {
                    working -= 1;
                }
                for (words, start) in states.words.iter_mut().zip(START) {
                    words[n] = start;
                }
            }
        }
    }
    let rest = lanes.into_iter().enumerate();
    rest.filter_map(|(n, lane)| Some((lane?, state_of(&states, n)))).collect()
}

fn state_of(states: &States, n: usize) -> [u32; 8] {
    states.words.map(|words| words[n])
}
