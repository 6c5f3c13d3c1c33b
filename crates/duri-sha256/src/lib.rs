//! SHA-256 of many buffers at once, on one core.
//!
//! Guarantees:
//! - `digest_many` gives, for every buffer, exactly what FIPS 180-4 says, whatever the lengths are and
//!   whatever kernel runs; the kernel is chosen once, from what the processor has.
//! - All unsafe code of the workspace's hashing is here: loads from slices whose length was checked,
//!   and calls of functions whose processor features were detected.
//!
//! Why it exists: one stream leaves a core's SHA unit idle half of the time, because each round waits
//! for the one before. Independent buffers fill the gaps. Each lane takes the next buffer when its own
//! ends, so buffers of different lengths cost nothing.
//!
//! It leaves to others: streaming one long buffer (use `sha2`), and every other algorithm.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
#[cfg(target_arch = "x86_64")]
mod ni;

use sha2::Digest as _;

/// A SHA-256 digest.
pub type Digest = [u8; 32];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Ni,
    Portable,
}

/// The round constants of FIPS 180-4, section 4.2.2.
#[cfg(target_arch = "x86_64")]
pub(crate) static K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

fn detect() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    {
        let ni = ni::is_supported();
        if ni && avx512::is_supported() {
            return Kernel::Avx512;
        }
        if ni {
            return Kernel::Ni;
        }
    }
    Kernel::Portable
}

/// Return the name of the kernel in use: `avx512-x16+sha-ni-x2`, `sha-ni-x2` or `portable`.
#[must_use]
pub fn kernel() -> &'static str {
    match detect() {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => "avx512-x16+sha-ni-x2",
        #[cfg(target_arch = "x86_64")]
        Kernel::Ni => "sha-ni-x2",
        Kernel::Portable => "portable",
    }
}

/// Write the digest of each buffer into `out` at the same index.
///
/// # Panics
///
/// When `buffers` and `out` differ in length.
pub fn digest_many(buffers: &[&[u8]], out: &mut [Digest]) {
    digest_with(detect(), buffers, out);
}

fn digest_with(kernel: Kernel, buffers: &[&[u8]], out: &mut [Digest]) {
    assert_eq!(buffers.len(), out.len(), "one digest for each buffer");
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => lanes::digest_many(buffers, out, true),
        #[cfg(target_arch = "x86_64")]
        Kernel::Ni => lanes::digest_many(buffers, out, false),
        Kernel::Portable => {
            for (buffer, digest) in buffers.iter().zip(out) {
                *digest = sha2::Sha256::digest(buffer).into();
            }
        }
    }
}

#[cfg(test)]
mod tests;
