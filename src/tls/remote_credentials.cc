#include "src/tls/remote_credentials.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include <array>
#include <cstring>
#include <string_view>
#include <vector>

namespace signet::tls {
namespace {

gnutls_datum_t Datum(std::string_view octets) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
          static_cast<unsigned>(octets.size())};
}

// --- what the library calls --------------------------------------------------------------

const RemoteKey& Of(void* userdata) { return **static_cast<RemoteKeyPtr*>(userdata); }

int Sign(bool hash, gnutls_sign_algorithm_t algorithm, void* userdata, const gnutls_datum_t* data,
         gnutls_datum_t* signature) {
  const std::string_view octets(reinterpret_cast<const char*>(data->data), data->size);
  const auto made = Of(userdata).Sign(hash, static_cast<unsigned>(algorithm), octets);
  if (!made) return GNUTLS_E_PK_SIGN_FAILED;
  const std::string& text = made.value();
  signature->data = static_cast<unsigned char*>(gnutls_malloc(text.size()));
  if (signature->data == nullptr) return GNUTLS_E_MEMORY_ERROR;
  std::memcpy(signature->data, text.data(), text.size());
  signature->size = static_cast<unsigned>(text.size());
  return 0;
}

int SignData(gnutls_privkey_t, gnutls_sign_algorithm_t algorithm, void* userdata, unsigned,
             const gnutls_datum_t* data, gnutls_datum_t* signature) {
  return Sign(false, algorithm, userdata, data, signature);
}

int SignHash(gnutls_privkey_t, gnutls_sign_algorithm_t algorithm, void* userdata, unsigned,
             const gnutls_datum_t* hash, gnutls_datum_t* signature) {
  return Sign(true, algorithm, userdata, hash, signature);
}

int Info(gnutls_privkey_t, unsigned flags, void* userdata) {
  const RemoteKey& key = Of(userdata);
  const auto algorithm = static_cast<gnutls_pk_algorithm_t>(key.algorithm());
  if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0) return key.algorithm();
  if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0) return static_cast<int>(key.bits());
  if ((flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0)
    return gnutls_sign_supports_pk_algorithm(
               static_cast<gnutls_sign_algorithm_t>(GNUTLS_FLAGS_TO_SIGN_ALGO(flags)), algorithm) !=
           0;
  return -1;
}

void Forget(gnutls_privkey_t, void* userdata) { delete static_cast<RemoteKeyPtr*>(userdata); }

// --- what the library gets ---------------------------------------------------------------

// A key, until a credentials object has it.
class KeyHandle {
 public:
  explicit KeyHandle(const RemoteKeyPtr& key) {
    error_ = gnutls_privkey_init(&handle_);
    if (error_ < 0) return;
    auto* const userdata = new RemoteKeyPtr(key);
    error_ = gnutls_privkey_import_ext4(handle_, userdata, &SignData, &SignHash, nullptr, &Forget,
                                        &Info, 0);
    if (error_ < 0) delete userdata;
  }
  ~KeyHandle() { gnutls_privkey_deinit(handle_); }
  KeyHandle(const KeyHandle&) = delete;
  KeyHandle& operator=(const KeyHandle&) = delete;
  int error() const { return error_; }
  gnutls_privkey_t get() const { return handle_; }
  void Release() { handle_ = nullptr; }

 private:
  gnutls_privkey_t handle_ = nullptr;
  int error_ = 0;
};

// Certificates, likewise, in the order in which they are to be sent.
class Chain {
 public:
  explicit Chain(const std::string& pem) {
    const gnutls_datum_t in = Datum(pem);
    size_ = static_cast<unsigned>(all_.size());
    error_ = gnutls_pcert_list_import_x509_raw(
        all_.data(), &size_, &in, GNUTLS_X509_FMT_PEM,
        GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED | GNUTLS_X509_CRT_LIST_SORT);
    if (error_ < 0) size_ = 0;
  }
  ~Chain() {
    for (unsigned i = 0; i < size_; ++i) gnutls_pcert_deinit(&all_[i]);
  }
  Chain(const Chain&) = delete;
  Chain& operator=(const Chain&) = delete;
  int error() const { return error_; }
  gnutls_pcert_st* get() { return all_.data(); }
  int size() const { return static_cast<int>(size_); }
  void Release() { size_ = 0; }
  // The host names of the first one, by which a client's choice finds it among others.
  std::vector<std::string> Names();

 private:
  // More than the library sends itself.
  std::array<gnutls_pcert_st, 16> all_ = {};
  unsigned size_ = 0;
  int error_ = 0;
};

std::vector<std::string> Chain::Names() {
  std::vector<std::string> names;
  gnutls_x509_crt_t leaf = nullptr;
  if (gnutls_pcert_export_x509(all_.data(), &leaf) < 0) return names;
  char name[256];
  for (unsigned i = 0;; ++i) {
    std::size_t size = sizeof name;
    const int kind = gnutls_x509_crt_get_subject_alt_name(leaf, i, name, &size, nullptr);
    if (kind == GNUTLS_E_SHORT_MEMORY_BUFFER) continue;
    if (kind < 0) break;
    if (kind == GNUTLS_SAN_DNSNAME) names.emplace_back(name, size);
  }
  std::size_t size = sizeof name;
  if (gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) >= 0)
    names.emplace_back(name, size);
  gnutls_x509_crt_deinit(leaf);
  std::erase_if(names, [](const std::string& each) {
    return each.empty() || each.find('\0') != std::string::npos;
  });
  return names;
}

}  // namespace

int AddPair(gnutls_certificate_credentials_st* credentials, const std::string& chain_pem,
            const RemoteKeyPtr& key) {
  KeyHandle handle(key);
  if (handle.error() < 0) return handle.error();
  Chain chain(chain_pem);
  if (chain.error() < 0) return chain.error();
  const std::vector<std::string> texts = chain.Names();
  std::vector<const char*> names;
  for (const std::string& text : texts) names.push_back(text.c_str());
  const int rc =
      gnutls_certificate_set_key(credentials, names.data(), static_cast<int>(names.size()),
                                 chain.get(), chain.size(), handle.get());
  if (rc < 0) return rc;
  handle.Release();
  chain.Release();
  return rc;
}

}  // namespace signet::tls
