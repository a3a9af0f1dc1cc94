//! Generated secrets: what the configuration refers to and nobody has written yet.
//!
//! Invariant: a secret's file is never readable by others, not even for a moment; it has its whole secret or is not there; and an
//! existing one is never touched.

use crate::id::Rng;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroize;

/// Characters of a generated secret: 20 of 57 are 116 bits.
const LENGTH: usize = 20;

/// Letters and digits without those that are read as one another (0 O, 1 l I).
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/// Makes the folder, private to us, with those above it.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a new secret to `path` unless there is one. True when it was written.
pub fn generate(path: &Path, rng: &mut Rng) -> io::Result<bool> {
    if fs::symlink_metadata(path).is_ok() {
        return Ok(false);
    }
    let mut secret: Vec<u8> = (0..LENGTH).map(|_| letter(rng)).collect();
    secret.push(b'\n');
    let written = write_whole(path, |file| file.write_all(&secret));
    secret.zeroize();
    written.map(|()| true)
}

/// Beside it first, on the disk, and then renamed: a full disk or a loss of power leaves nothing that looks like a secret.
fn write_whole(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidFilename));
    };
    private_folder(folder)?;
    let beside = folder.join(format!(".{}.new", name.to_string_lossy()));
    // Whatever a run left that died here.
    let _ = fs::remove_file(&beside);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn letter(rng: &mut Rng) -> u8 {
    let count = u32::try_from(ALPHABET.len()).unwrap_or(1);
    let index = usize::try_from(rng.below(count)).unwrap_or(0);
    ALPHABET.get(index).copied().unwrap_or(b'x')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_that_could_not_be_written_whole_leaves_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("centrala-secrets-half-{}", std::process::id()));
        let path = folder.join("secrets").join("1001");
        let full = |file: &mut File| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        assert!(write_whole(&path, full).is_err());
        assert_eq!(fs::read_dir(folder.join("secrets")).expect("our folder").count(), 0);
        // What a run left that died before the rename is no secret, and in nobody's way.
        fs::write(folder.join("secrets/.1001.new"), "ha").expect("our folder");
        assert!(generate(&path, &mut Rng::from_seed(1)).expect("a writable folder"));
        assert_eq!(fs::read_to_string(&path).expect("it was written").trim_end().len(), LENGTH);
        assert_eq!(fs::read_dir(folder.join("secrets")).expect("our folder").count(), 1);
        fs::remove_dir_all(&folder).expect("ours");
    }

    #[test]
    fn a_secret_is_private_long_and_made_once() {
        let folder = std::env::temp_dir().join(format!("centrala-secrets-{}", std::process::id()));
        let path = folder.join("secrets").join("1001");
        let mut rng = Rng::from_seed(1);
        assert!(generate(&path, &mut rng).expect("a writable folder"));
        let first = std::fs::read_to_string(&path).expect("it was written");
        assert_eq!(first.trim_end().len(), LENGTH);
        assert!(!generate(&path, &mut rng).expect("it exists"));
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), first);
        let mode = |path: &Path| std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder.join("secrets"))), (0o600, 0o700));
        std::fs::remove_dir_all(&folder).expect("ours");
    }
}
