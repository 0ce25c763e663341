#include "src/tls/key_store.h"

#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <mutex>

#include "src/base/channel.h"
#include "src/base/limits.h"
#include "src/base/result.h"
#include "src/crypto/digest.h"
#include "src/tls/files.h"

namespace signet::tls {
namespace {

// A key as the library holds it. Signing is for any thread.
class LibraryKey {
 public:
  LibraryKey() { SIGNET_CHECK(gnutls_privkey_init(&key_) >= 0); }
  ~LibraryKey() { gnutls_privkey_deinit(key_); }
  LibraryKey(const LibraryKey&) = delete;
  LibraryKey& operator=(const LibraryKey&) = delete;
  gnutls_privkey_t get() const { return key_; }

 private:
  gnutls_privkey_t key_ = nullptr;
};
using LibraryKeyPtr = std::shared_ptr<const LibraryKey>;

gnutls_datum_t Datum(std::string_view octets) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
          static_cast<unsigned>(octets.size())};
}

std::string Taken(gnutls_datum_t* datum) {
  std::string octets(reinterpret_cast<char*>(datum->data), datum->size);
  gnutls_free(datum->data);
  return octets;
}

Result<LibraryKeyPtr, std::string> Import(std::string_view pem) {
  auto key = std::make_shared<LibraryKey>();
  const gnutls_datum_t in = Datum(pem);
  const int rc = gnutls_privkey_import_x509_raw(key->get(), &in, GNUTLS_X509_FMT_PEM, nullptr, 0);
  if (rc < 0) return Err{std::string(gnutls_strerror(rc))};
  return LibraryKeyPtr(std::move(key));
}

std::string PublicPart(const LibraryKey& key) {
  gnutls_pubkey_t part = nullptr;
  gnutls_datum_t der{};
  std::string octets;
  if (gnutls_pubkey_init(&part) < 0) return octets;
  if (gnutls_pubkey_import_privkey(part, key.get(), 0, 0) >= 0 &&
      gnutls_pubkey_export2(part, GNUTLS_X509_FMT_DER, &der) >= 0)
    octets = Taken(&der);
  gnutls_pubkey_deinit(part);
  return octets;
}

// The certificates of a file that has the key in it too.
std::string CertificatesIn(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  std::string found;
  for (std::size_t at = 0; (at = pem.find(kBegin, at)) != pem.npos;) {
    const std::size_t end = pem.find(kEnd, at);
    if (end == pem.npos) break;
    found += pem.substr(at, end + kEnd.size() - at);
    found += '\n';
    at = end;
  }
  return found;
}

bool MayNotLook(const std::string& path) {
  const OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  return !fd.valid() && errno == EACCES;
}

struct Entry {
  std::uint64_t number = 0;
  std::string path, digest;  // of what was read
  LibraryKeyPtr key;
  std::string public_part, certificates;
  bool current = true;  // what the file had last
  std::size_t users = 0;
};

std::string Good(std::uint64_t request, const Packer& with) {
  Packer out;
  out.Put(request);
  out.Put("good");
  return out.text() + with.text();
}

std::string Bad(std::uint64_t request, std::string_view why) {
  Packer out;
  out.Put(request);
  out.Put("bad");
  out.Put(why);
  return out.text();
}

}  // namespace

struct KeyStore::Rep {
  std::mutex mutex;  // all below; not held while signing
  std::list<Entry> entries;
  std::uint64_t client = 0;
  // A process in the place of this one does not know these numbers.
  std::uint64_t last_number = static_cast<std::uint64_t>(::getpid()) << 32;

  Entry* FindCurrent(const std::string& path);
  Entry* Find(std::uint64_t number);
  void Tidy();
  bool MakeRoom();
  Result<Entry*, std::string> Load(const std::string& path,
                                   const Result<SecretText, std::string>& pem, bool may_not_look);
  std::string AnswerLoad(std::uint64_t request, const std::string& path, std::uint64_t from);
  std::string AnswerSign(std::uint64_t request, bool hash, Unpacker* in);
  void Drop(std::uint64_t number, std::uint64_t from);
};

Entry* KeyStore::Rep::FindCurrent(const std::string& path) {
  for (Entry& entry : entries)
    if (entry.current && entry.path == path) return &entry;
  return nullptr;
}

Entry* KeyStore::Rep::Find(std::uint64_t number) {
  for (Entry& entry : entries)
    if (entry.number == number) return &entry;
  return nullptr;
}

// Keys that neither a file has nor anybody uses.
void KeyStore::Rep::Tidy() {
  entries.remove_if([](const Entry& entry) { return !entry.current && entry.users == 0; });
}

bool KeyStore::Rep::MakeRoom() {
  if (entries.size() < limits::kKeysHeld) return true;
  const auto unused = std::find_if(entries.begin(), entries.end(),
                                   [](const Entry& entry) { return entry.users == 0; });
  if (unused == entries.end()) return false;
  entries.erase(unused);
  return true;
}

// Where the file may not be read any more since root was given up, what was read before stands
// for it. Everything else that is wrong with it is wrong.
Result<Entry*, std::string> KeyStore::Rep::Load(const std::string& path,
                                                const Result<SecretText, std::string>& pem,
                                                bool may_not_look) {
  Entry* const known = FindCurrent(path);
  if (known != nullptr && may_not_look) return known;
  if (!pem) return Err{"unreadable " + pem.error()};
  Entry entry;
  entry.digest = crypto::Sha256(pem.value().Reveal());
  if (known != nullptr && known->digest == entry.digest) return known;
  auto key = Import(pem.value().Reveal());
  if (!key) return Err{"unfit " + key.error()};
  if (!MakeRoom()) return Err{std::string("unfit too many private keys are in use")};
  if (Entry* const before = FindCurrent(path)) before->current = false;
  Tidy();
  entry.number = ++last_number;
  entry.path = path;
  entry.key = std::move(key).value();
  entry.public_part = PublicPart(*entry.key);
  entry.certificates = CertificatesIn(pem.value().Reveal());
  entries.push_back(std::move(entry));
  return &entries.back();
}

std::string KeyStore::Rep::AnswerLoad(std::uint64_t request, const std::string& path,
                                      std::uint64_t from) {
  // A file may be slow, and nobody's signature is to wait for it.
  const bool may_not_look = MayNotLook(path);
  const auto pem = ReadKeyFile(path);
  const std::lock_guard lock(mutex);
  const auto loaded = Load(path, pem, may_not_look);
  if (!loaded) return Bad(request, loaded.error());
  Entry& entry = *loaded.value();
  if (from == client) ++entry.users;
  unsigned bits = 0;
  const int algorithm = gnutls_privkey_get_pk_algorithm(entry.key->get(), &bits);
  Packer out;
  out.Put(entry.number);
  out.Put(static_cast<std::uint64_t>(std::max(algorithm, 0)));
  out.Put(std::uint64_t{bits});
  out.Put(entry.public_part);
  out.Put(entry.certificates);
  return Good(request, out);
}

std::string KeyStore::Rep::AnswerSign(std::uint64_t request, bool hash, Unpacker* in) {
  const std::uint64_t number = in->Number();
  const std::uint64_t algorithm = in->Number();
  const std::string text = in->Text();
  if (!in->good() || !in->empty() || algorithm > 1000) return Bad(request, "malformed");
  LibraryKeyPtr key;
  {
    const std::lock_guard lock(mutex);
    const Entry* const entry = Find(number);
    if (entry == nullptr) return Bad(request, "unknown");
    key = entry->key;
  }
  const auto sign = static_cast<gnutls_sign_algorithm_t>(algorithm);
  const gnutls_datum_t data = Datum(text);
  gnutls_datum_t signature{};
  const int rc = hash ? gnutls_privkey_sign_hash2(key->get(), sign, 0, &data, &signature)
                      : gnutls_privkey_sign_data2(key->get(), sign, 0, &data, &signature);
  if (rc < 0) return Bad(request, gnutls_strerror(rc));
  Packer out;
  out.Put(Taken(&signature));
  return Good(request, out);
}

void KeyStore::Rep::Drop(std::uint64_t number, std::uint64_t from) {
  const std::lock_guard lock(mutex);
  Entry* const entry = Find(number);
  if (entry == nullptr || from != client || entry->users == 0) return;
  --entry->users;
  Tidy();
}

KeyStore::KeyStore() : rep_(std::make_unique<Rep>()) {}
KeyStore::~KeyStore() = default;

std::uint64_t KeyStore::NewClient() {
  const std::lock_guard lock(rep_->mutex);
  for (Entry& entry : rep_->entries) entry.users = 0;
  rep_->Tidy();
  return ++rep_->client;
}

std::string KeyStore::Answer(std::string_view request, std::uint64_t client) {
  Unpacker in(request);
  const std::uint64_t number = in.Number();
  const std::string word = in.Text();
  if (word == "sign" || word == "sign-hash")
    return rep_->AnswerSign(number, word == "sign-hash", &in);
  if (word == "load") {
    const std::string path = in.Text();
    if (in.good() && in.empty() && path.find('\0') == path.npos)
      return rep_->AnswerLoad(number, path, client);
  }
  if (word == "drop") {
    const std::uint64_t key = in.Number();
    if (in.good()) rep_->Drop(key, client);
    return "";
  }
  return Bad(number, "malformed");
}

}  // namespace signet::tls
