//! 本机密钥代理: the agent in this process, its root in a file of its own.
//!
//! Two files stand side by side: `<root>` holds thirty-two random bytes, mode 0600, and never changes; `<root>.keys` holds every other key, sealed under the
//! root and replaced as a whole. Several processes may share them: a change takes the lock `<root>.lock`, starts from what is on disk, and takes effect in
//! memory only once it is durable.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use zeroize::Zeroizing;

use crate::{
    Algorithm, BlindIndex, Destruction, Domain, Field, KeyAgent, Month, Owner, Shelf, Suite, VaultError,
    agent::{self, Target},
    keys::{Bucket, IndexKey, Kek, Source, State, Stored, TenantKeys, Versions},
    note,
    suite::{AeadKey, Info, Kdf, NONCE, Secret, random},
};

/// 本机密钥代理. Cheap look-ups under a read lock; every change is durable before it is used.
pub struct LocalAgent {
    suite: Suite,
    source: Source,
    files: Option<Files>,
    state: RwLock<State>,
}

impl LocalAgent {
    /// Keys derived from a seed, kept in memory only: for tests and the demo world. The same seed gives the same keys and the same blind indexes.
    pub fn ephemeral(seed: u64, suite: Suite) -> Result<Self, VaultError> {
        let mut key = Secret::default();
        for (byte, seed) in key.iter_mut().zip(seed.to_be_bytes()) {
            *byte = seed;
        }
        let source = Source::Seeded(Kdf::new(Suite::International, &key)?);
        let state = RwLock::new(State::new(&source)?);
        Ok(Self { suite, source, files: None, state })
    }

    /// Opens the root key file at `root` and the key file beside it; makes both when neither is there.
    ///
    /// # Errors
    /// [`VaultError::RootPermissions`] when group or world can reach the root; [`VaultError::RootMissing`] and [`VaultError::KeysMissing`] when one file of the
    /// two is there: a new one would leave all present data shut.
    pub fn open_or_create(root: impl AsRef<Path>, suite: Suite) -> Result<Self, VaultError> {
        let (files, state) = Files::open_or_create(root.as_ref(), suite)?;
        Ok(Self { suite, source: Source::System, files: Some(files), state: RwLock::new(state) })
    }

    fn read<T>(&self, f: impl FnOnce(&State) -> T) -> T {
        f(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One change: on a copy, to disk, then into memory. A crash at any point leaves the state before or the state after.
    fn change<T>(&self, f: impl FnOnce(&mut State) -> Result<T, VaultError>) -> Result<T, VaultError> {
        let mut current = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let _lock = self.files.as_ref().map(Files::lock).transpose()?;
        let mut next = match &self.files {
            Some(files) => files.load()?,
            None => current.clone(),
        };
        let result = f(&mut next)?;
        next.generation = next.generation.saturating_add(1);
        if let Some(files) = &self.files {
            files.save(self.suite, &next)?;
        }
        *current = next;
        Ok(result)
    }

    /// Takes over what another process changed. Under the write lock, so that it never puts back a state older than one this process has written.
    fn refresh(&self) -> Result<(), VaultError> {
        if let Some(files) = &self.files {
            let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
            *state = files.load()?;
        }
        Ok(())
    }

    /// Looks up in memory; once more after a refresh when it is not there; makes it when it is nowhere.
    fn find_or_make<T>(
        &self,
        find: impl Fn(&State) -> Option<Result<T, VaultError>>,
        make: impl FnOnce(&mut State) -> Result<(), VaultError>,
    ) -> Result<T, VaultError> {
        if let Some(found) = self.read(&find) {
            return found;
        }
        self.change(|state| if find(state).is_some() { Ok(()) } else { make(state) })?;
        self.read(&find).unwrap_or(Err(VaultError::Malformed("key state")))
    }

    fn new_kek(&self, tenant: &str, domain: Domain, version: u32) -> Result<Kek, VaultError> {
        let name = Info::new("kek").part(tenant.as_bytes()).part(&[domain.byte()]).part(&version.to_be_bytes());
        Kek::new(self.source.fresh(name)?)
    }

    fn new_index_key(&self, tenant: &str, field: Field, version: u32) -> Result<IndexKey, VaultError> {
        let name = Info::new("ik").part(tenant.as_bytes()).part(&[field.byte()]).part(&version.to_be_bytes());
        IndexKey::new(self.suite, self.source.fresh(name)?)
    }

    fn make_domain(&self, state: &mut State, tenant: &str, domain: Domain) -> Result<(), VaultError> {
        let key = self.new_kek(tenant, domain, 1)?;
        state.tenants.entry(tenant.to_owned()).or_default().domains.entry(domain.byte()).or_insert(Versions::first(key));
        Ok(())
    }

    fn make_field(&self, state: &mut State, tenant: &str, field: Field) -> Result<(), VaultError> {
        let key = self.new_index_key(tenant, field, 1)?;
        state.tenants.entry(tenant.to_owned()).or_default().fields.entry(field.byte()).or_insert(Versions::first(key));
        Ok(())
    }

    fn wrap_in_bucket(&self, month: Month, owner: &Owner<'_>, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        self.find_or_make(
            |state| match state.buckets.get(&month)? {
                Bucket::Living(kek) => Some(agent::wrap_under(kek.0.under(self.suite), self.suite, Shelf::Bucket(month), owner, key)),
                Bucket::Destroyed(_) => Some(Err(VaultError::Destroyed(month))),
            },
            |state| {
                let kek = Kek::new(self.source.fresh(Info::new("bucket").part(month.to_string().as_bytes()))?)?;
                state.buckets.insert(month, Bucket::Living(Stored(Arc::new(kek))));
                Ok(())
            },
        )
    }

    fn wrap_on_hold(&self, owner: &Owner<'_>, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        self.read(|state| agent::wrap_under(state.hold.0.under(self.suite), self.suite, Shelf::Hold, owner, key))
    }

    fn newest(&self, tenant: &str, domain: Domain) -> Option<u32> {
        self.read(|state| domain_keys(state, tenant, domain)?.current().map(|(version, _)| version))
    }
}

fn domain_keys<'s>(state: &'s State, tenant: &str, domain: Domain) -> Option<&'s Versions<Kek>> {
    state.tenants.get(tenant)?.domains.get(&domain.byte())
}

fn field_keys<'s>(state: &'s State, tenant: &str, field: Field) -> Option<&'s Versions<IndexKey>> {
    state.tenants.get(tenant)?.fields.get(&field.byte())
}

fn tenant_keys<'s>(state: &'s mut State, tenant: &str, version: u32) -> Result<&'s mut TenantKeys, VaultError> {
    state.tenants.get_mut(tenant).ok_or(VaultError::KeyUnknown { what: "tenant", version })
}

impl KeyAgent for LocalAgent {
    fn wrap(&self, owner: &Owner<'_>, key: &[u8; 32]) -> Result<Vec<u8>, VaultError> {
        self.find_or_make(
            |state| {
                let (version, kek) = domain_keys(state, owner.tenant, owner.domain)?.current()?;
                Some(agent::wrap_under(kek.under(self.suite), self.suite, Shelf::Service(version), owner, key))
            },
            |state| self.make_domain(state, owner.tenant, owner.domain),
        )
    }

    fn unwrap(&self, owner: &Owner<'_>, wrapped: &[u8]) -> Result<Secret, VaultError> {
        let (suite, shelf) = agent::shelf(wrapped)?;
        match shelf {
            Shelf::Service(version) => {
                let find = |state: &State| {
                    let kek = domain_keys(state, owner.tenant, owner.domain)?.get(version)?;
                    Some(agent::unwrap_under(kek.under(suite), owner, wrapped))
                };
                if let Some(found) = self.read(find) {
                    return found;
                }
                // Another process may have rotated since this one read the file.
                self.refresh()?;
                self.read(find).unwrap_or(Err(VaultError::KeyUnknown { what: owner.domain.name(), version }))
            }
            Shelf::Bucket(month) => {
                // Rare, and a bucket destroyed by another process must be gone here too.
                self.refresh()?;
                self.read(|state| match state.buckets.get(&month) {
                    Some(Bucket::Living(kek)) => agent::unwrap_under(kek.0.under(suite), owner, wrapped),
                    Some(Bucket::Destroyed(_)) => Err(VaultError::Destroyed(month)),
                    None => Err(VaultError::KeyUnknown { what: "bucket", version: shelf.kek_version() }),
                })
            }
            Shelf::Hold => self.read(|state| agent::unwrap_under(state.hold.0.under(suite), owner, wrapped)),
        }
    }

    fn rewrap(&self, owner: &Owner<'_>, wrapped: &[u8], to: Target) -> Result<Option<Vec<u8>>, VaultError> {
        let (suite, shelf) = agent::shelf(wrapped)?;
        match (to, shelf) {
            (Target::Newest, Shelf::Bucket(_) | Shelf::Hold) | (Target::Hold, Shelf::Hold) => Ok(None),
            (Target::Newest | Target::Service, Shelf::Service(version))
                if suite == self.suite && self.newest(owner.tenant, owner.domain) == Some(version) =>
            {
                Ok(None)
            }
            (Target::Bucket(month), Shelf::Bucket(here)) if month == here && suite == self.suite => Ok(None),
            (Target::Service | Target::Bucket(_), Shelf::Hold) => Err(VaultError::Held),
            (Target::Release(month), Shelf::Hold) | (Target::Bucket(month), _) => {
                let key = self.unwrap(owner, wrapped)?;
                self.wrap_in_bucket(month, owner, &key).map(Some)
            }
            (Target::Release(_), Shelf::Service(_) | Shelf::Bucket(_)) => Ok(None),
            (Target::Hold, _) => {
                let key = self.unwrap(owner, wrapped)?;
                self.wrap_on_hold(owner, &key).map(Some)
            }
            (Target::Newest | Target::Service, _) => {
                let key = self.unwrap(owner, wrapped)?;
                self.wrap(owner, &key).map(Some)
            }
        }
    }

    fn index(&self, tenant: &str, field: Field, version: Option<u32>, normalised: &str) -> Result<BlindIndex, VaultError> {
        let compute = |key: &IndexKey| {
            let tag = key.mac.tag(&[&[field.byte()], normalised.as_bytes()])?;
            let (half, _) = tag.split_first_chunk::<16>().ok_or(VaultError::Malformed("tag length"))?;
            Ok(BlindIndex(*half))
        };
        match version {
            None => self.find_or_make(
                |state| field_keys(state, tenant, field)?.current().map(|(_, key)| compute(key)),
                |state| self.make_field(state, tenant, field),
            ),
            Some(version) => {
                let find = |state: &State| field_keys(state, tenant, field)?.get(version).map(compute);
                if let Some(found) = self.read(find) {
                    return found;
                }
                self.refresh()?;
                self.read(find).unwrap_or(Err(VaultError::KeyUnknown { what: "index", version }))
            }
        }
    }

    fn index_versions(&self, tenant: &str, field: Field) -> Result<Vec<u32>, VaultError> {
        self.find_or_make(
            |state| field_keys(state, tenant, field).map(|keys| Ok(keys.numbers().collect())),
            |state| self.make_field(state, tenant, field),
        )
    }

    fn rotate(&self, tenant: &str, domain: Domain) -> Result<u32, VaultError> {
        self.change(|state| {
            let next = domain_keys(state, tenant, domain).and_then(Versions::current).map_or(1, |(version, _)| version.saturating_add(1));
            let key = self.new_kek(tenant, domain, next)?;
            let keys = state.tenants.entry(tenant.to_owned()).or_default();
            Ok(match keys.domains.get_mut(&domain.byte()) {
                Some(versions) => versions.add(key),
                None => {
                    keys.domains.insert(domain.byte(), Versions::first(key));
                    1
                }
            })
        })
    }

    fn domain_versions(&self, tenant: &str, domain: Domain) -> Result<Vec<u32>, VaultError> {
        self.refresh()?;
        Ok(self.read(|state| domain_keys(state, tenant, domain).map(|keys| keys.numbers().collect()).unwrap_or_default()))
    }

    fn rotate_index(&self, tenant: &str, field: Field) -> Result<u32, VaultError> {
        self.change(|state| {
            let next = field_keys(state, tenant, field).and_then(Versions::current).map_or(1, |(version, _)| version.saturating_add(1));
            let key = self.new_index_key(tenant, field, next)?;
            let keys = state.tenants.entry(tenant.to_owned()).or_default();
            Ok(match keys.fields.get_mut(&field.byte()) {
                Some(versions) => versions.add(key),
                None => {
                    keys.fields.insert(field.byte(), Versions::first(key));
                    1
                }
            })
        })
    }

    fn destroy_version(&self, tenant: &str, domain: Domain, version: u32, census: u64) -> Result<(), VaultError> {
        self.change(|state| {
            let unknown = VaultError::KeyUnknown { what: domain.name(), version };
            let keys = tenant_keys(state, tenant, version)?.domains.get_mut(&domain.byte()).ok_or(unknown)?;
            keys.destroy(domain.name(), version, census)
        })
    }

    fn destroy_index_version(&self, tenant: &str, field: Field, version: u32, census: u64) -> Result<(), VaultError> {
        self.change(|state| {
            let unknown = VaultError::KeyUnknown { what: "index", version };
            let keys = tenant_keys(state, tenant, version)?.fields.get_mut(&field.byte()).ok_or(unknown)?;
            keys.destroy("index", version, census)
        })
    }

    fn destroy_bucket(&self, order: &Destruction, signer: &str) -> Result<String, VaultError> {
        self.change(|state| {
            if let Some(Bucket::Destroyed(statement)) = state.buckets.get(&order.bucket) {
                return Ok(statement.clone());
            }
            let text = order.statement(state.generation.saturating_add(1));
            let statement = note::sign(&text, signer, self.algorithms(), &|algorithm, message: &[u8]| {
                let key = state.signer(algorithm);
                Ok((key.public(), key.sign(message)?))
            })?;
            state.buckets.insert(order.bucket, Bucket::Destroyed(statement.clone()));
            Ok(statement)
        })
    }

    fn buckets(&self) -> Result<Vec<Month>, VaultError> {
        self.refresh()?;
        let living = |(month, bucket): (&Month, &Bucket)| matches!(bucket, Bucket::Living(_)).then_some(*month);
        Ok(self.read(|state| state.buckets.iter().filter_map(living).collect()))
    }

    fn generation(&self) -> u64 {
        self.read(|state| state.generation)
    }

    fn algorithms(&self) -> &'static [Algorithm] {
        match self.suite {
            Suite::International => &[Algorithm::Ed25519],
            Suite::Gm => &[Algorithm::Ed25519, Algorithm::Sm2],
        }
    }

    fn public_key(&self, algorithm: Algorithm) -> Result<Vec<u8>, VaultError> {
        Ok(self.read(|state| state.signer(algorithm).public()))
    }

    fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.read(|state| state.signer(algorithm).sign(message))
    }
}

/// First line of the root key file.
const ROOT_MARK: &str = "chuangsha-root-v1 ";
/// First bytes of the key file.
const KEYS_MARK: &[u8] = b"chuangsha-keys-v1\n";

/// The two files and the root that opens them.
struct Files {
    root: PathBuf,
    keys: PathBuf,
    secret: Secret,
}

impl Files {
    fn open_or_create(root: &Path, suite: Suite) -> Result<(Self, State), VaultError> {
        let keys = beside(root, ".keys");
        let _lock = lock(root)?;
        if root.exists() {
            let files = Self { root: root.to_owned(), keys, secret: read_root(root)? };
            let state = files.adopt_or_load()?;
            return Ok((files, state));
        }
        if keys.exists() {
            return Err(VaultError::RootMissing(keys.display().to_string()));
        }
        let mut secret = Secret::default();
        random(secret.as_mut_slice())?;
        let files = Self { root: root.to_owned(), keys, secret };
        let state = State::new(&Source::System)?;
        // The key file waits under its new name until the root is durable: whichever step a crash cuts short, the next start finishes it.
        write_private(&files.new_keys(), &files.seal(suite, &state)?)?;
        write_root(&files.root, &files.secret)?;
        files.install()?;
        Ok((files, state))
    }

    /// The ordinary load, or the end of a first start that was cut short between its two files.
    fn adopt_or_load(&self) -> Result<State, VaultError> {
        if self.keys.exists() {
            return self.load();
        }
        if !self.new_keys().exists() {
            return Err(VaultError::KeysMissing(self.keys.display().to_string()));
        }
        let state = self.read(&self.new_keys())?;
        self.install()?;
        Ok(state)
    }

    fn new_keys(&self) -> PathBuf {
        beside(&self.root, ".keys.new")
    }

    fn lock(&self) -> Result<File, VaultError> {
        lock(&self.root)
    }

    fn load(&self) -> Result<State, VaultError> {
        self.read(&self.keys)
    }

    fn save(&self, suite: Suite, state: &State) -> Result<(), VaultError> {
        let old = OpenOptions::new().write(true).open(&self.keys).map_err(failed(&self.keys))?;
        write_private(&self.new_keys(), &self.seal(suite, state)?)?;
        self.install()?;
        // The replaced file still holds keys that may have just been destroyed. Some file systems keep the blocks all the same: full-disk encryption is assumed.
        drop(overwrite(old));
        Ok(())
    }

    fn install(&self) -> Result<(), VaultError> {
        fs::rename(self.new_keys(), &self.keys).map_err(failed(&self.keys))?;
        sync_folder(&self.keys)
    }

    fn key(&self, suite: Suite) -> Result<AeadKey, VaultError> {
        let derived = Kdf::new(suite, &self.secret)?.expand(Info::new("chuangsha key file v1").part(&[suite.byte()]).bytes())?;
        AeadKey::new(suite, &derived)
    }

    fn seal(&self, suite: Suite, state: &State) -> Result<Vec<u8>, VaultError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(64 * 1024));
        serde_json::to_writer(&mut *plain, state).map_err(|_| VaultError::Malformed("key state"))?;
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let mut file = KEYS_MARK.to_vec();
        file.push(suite.byte());
        let tag = self.key(suite)?.seal(&nonce, &file, plain.as_mut_slice())?;
        file.extend_from_slice(&nonce);
        file.extend_from_slice(&plain);
        file.extend_from_slice(&tag);
        Ok(file)
    }

    fn read(&self, path: &Path) -> Result<State, VaultError> {
        let damaged = || VaultError::FileDamaged(path.display().to_string());
        let file = fs::read(path).map_err(failed(path))?;
        let (header, rest) = file.split_at_checked(KEYS_MARK.len() + 1).ok_or_else(damaged)?;
        let suite = header.strip_prefix(KEYS_MARK).and_then(|suite| suite.first()).and_then(|byte| Suite::from_byte(*byte));
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        self.key(suite.ok_or_else(damaged)?)?.open(nonce, header, &mut plain).map_err(|_| damaged())?;
        serde_json::from_slice(&plain).map_err(|_| damaged())
    }
}

fn failed(path: &Path) -> impl Fn(std::io::Error) -> VaultError + '_ {
    move |error| VaultError::File { path: path.display().to_string(), reason: error.to_string() }
}

/// `<path><suffix>`, in the same folder.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Held until dropped; a crash releases it.
fn lock(root: &Path) -> Result<File, VaultError> {
    let path = beside(root, ".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed(&path))?;
    file.lock().map_err(failed(&path))?;
    Ok(file)
}

fn read_root(path: &Path) -> Result<Secret, VaultError> {
    let mode = fs::metadata(path).map_err(failed(path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(VaultError::RootPermissions { path: path.display().to_string(), mode });
    }
    let damaged = || VaultError::FileDamaged(path.display().to_string());
    let mut text = Zeroizing::new(String::with_capacity(128));
    File::open(path).and_then(|mut file| file.read_to_string(&mut text)).map_err(failed(path))?;
    let mut secret = Secret::default();
    let digits = text.trim_end().strip_prefix(ROOT_MARK).ok_or_else(damaged)?;
    hex::decode_to_slice(digits, secret.as_mut_slice()).map_err(|_| damaged())?;
    Ok(secret)
}

/// Writes beside, then links: the name appears with its whole content or not at all, and never replaces another root.
fn write_root(path: &Path, secret: &Secret) -> Result<(), VaultError> {
    let mut text = Zeroizing::new([0_u8; 64]);
    hex::encode_to_slice(secret.as_slice(), text.as_mut_slice()).map_err(|_| VaultError::Malformed("key length"))?;
    let mut content = Zeroizing::new(Vec::with_capacity(128));
    content.extend_from_slice(ROOT_MARK.as_bytes());
    content.extend_from_slice(text.as_slice());
    content.push(b'\n');
    let new = beside(path, ".new");
    write_private(&new, &content)?;
    fs::hard_link(&new, path).map_err(failed(path))?;
    fs::remove_file(&new).map_err(failed(&new))?;
    sync_folder(path)
}

/// A file only its owner reaches, on disk when this returns. What an earlier crash left under the name is replaced.
fn write_private(path: &Path, content: &[u8]) -> Result<(), VaultError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(path)(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path).map_err(failed(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed(path))
}

fn overwrite(mut file: File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    file.rewind()?;
    std::io::copy(&mut std::io::repeat(0).take(length), &mut file)?;
    file.sync_all()
}

/// Makes a rename or a new name durable.
fn sync_folder(path: &Path) -> Result<(), VaultError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))
}

/// Replaces a file as a whole: old content or new content, never a mixture, and durable when this returns.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<(), VaultError> {
    let new = beside(path, ".new");
    write_private(&new, content)?;
    fs::rename(&new, path).map_err(failed(path))?;
    sync_folder(path)
}
