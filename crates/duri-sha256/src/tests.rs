//! Every kernel against `sha2`, and against the vectors of FIPS 180-4.

use super::{Digest, Kernel, detect, digest_many, digest_with, kernel};
use sha2::Digest as _;

/// Bytes that differ from place to place, from a seed (xorshift64*).
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut x = seed | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        out.extend_from_slice(&x.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    out.truncate(length);
    out
}

fn kernels() -> Vec<Kernel> {
    let mut all = vec![Kernel::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        if crate::ni::is_supported() {
            all.push(Kernel::Ni);
            if crate::avx512::is_supported() {
                all.push(Kernel::Avx512);
            }
        }
    }
    all
}

fn check(lengths: &[usize]) {
    let data: Vec<Vec<u8>> =
        lengths.iter().enumerate().map(|(i, &length)| bytes(i as u64 * 77 + 5, length)).collect();
    let buffers: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let expected: Vec<Digest> = data.iter().map(|d| sha2::Sha256::digest(d).into()).collect();
    for kernel in kernels() {
        let mut out = vec![[0; 32]; buffers.len()];
        digest_with(kernel, &buffers, &mut out);
        for (i, (got, wanted)) in out.iter().zip(&expected).enumerate() {
            assert_eq!(got, wanted, "{kernel:?}, buffer {i} of {} bytes", lengths[i]);
        }
    }
}

#[test]
fn every_length_up_to_300_alone_and_together() {
    let all: Vec<usize> = (0..300).collect();
    check(&all);
    for length in all {
        check(&[length]);
    }
}

#[test]
fn every_number_of_buffers_up_to_fifty() {
    for count in 0..50 {
        let lengths: Vec<usize> = (0..count).map(|i| (i * 7919 + count * 31) % 5000).collect();
        check(&lengths);
        check(&vec![64; count]);
    }
}

#[test]
fn random_sizes_with_one_giant_among_dwarfs() {
    let random = bytes(42, 400);
    let mut lengths: Vec<usize> = random
        .chunks_exact(2)
        .map(|pair| usize::from(u16::from_le_bytes([pair[0], pair[1]])) % 17_000)
        .collect();
    lengths.insert(7, 1_000_003);
    check(&lengths);
}

#[test]
fn fips_180_4_vectors() {
    let million = vec![b'a'; 1_000_000];
    let vectors: [(&[u8], &str); 4] = [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (&million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ];
    // Four times each, so that the sixteen lanes run too.
    let buffers: Vec<&[u8]> = (0..16).map(|i| vectors[i % 4].0).collect();
    for kernel in kernels() {
        let mut out = vec![[0; 32]; buffers.len()];
        digest_with(kernel, &buffers, &mut out);
        for (i, digest) in out.iter().enumerate() {
            let wanted = vectors[i % 4].1;
            for (n, byte) in digest.iter().enumerate() {
                assert_eq!(format!("{byte:02x}"), wanted[2 * n..2 * n + 2], "{kernel:?}");
            }
        }
    }
}

#[test]
fn the_kernel_has_a_name() {
    assert!(["portable", "sha-ni-x2", "avx512-x16+sha-ni-x2"].contains(&kernel()));
    assert!(kernels().contains(&detect()));
}

#[test]
#[should_panic(expected = "one digest for each buffer")]
fn lengths_that_differ_are_refused() {
    digest_many(&[b"a"], &mut []);
}

#[test]
#[ignore = "a measurement: cargo test --release -p duri-sha256 rates -- --ignored --nocapture"]
fn rates() {
    for size in [500_usize, 4_000, 16_000] {
        for count in [10_usize, 20, 64] {
            let data: Vec<Vec<u8>> =
                (0..count).map(|i| bytes(i as u64, (i * 7919 + 13) % size + size / 20)).collect();
            let buffers: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
            let total: usize = data.iter().map(Vec::len).sum();
            let mut out = vec![[0; 32]; count];
            for kernel in kernels() {
                let times = 40_000_000 / total;
                let start = std::time::Instant::now();
                for _ in 0..times {
                    digest_with(kernel, &buffers, &mut out);
                }
                #[allow(clippy::cast_precision_loss)]
                let rate = (total * times) as f64 / start.elapsed().as_secs_f64() / 1e9;
                println!("{count} buffers of up to {size} bytes, {kernel:?}: {rate:.2} GB/s");
            }
        }
    }
}
