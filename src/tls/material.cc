#include "src/tls/material.h"

#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include <ctime>

#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/crypto/crl.h"
#include "src/crypto/digest.h"
#include "src/tls/files.h"
#include "src/tls/key_client.h"
#include "src/tls/policy.h"

namespace signet::tls {
namespace {

using Sources = ServerPolicy::Sources;

std::string Quoted(const std::string& file) { return '"' + file + '"'; }

std::string& DigestOf(Part part, Material* material) {
  return material->digests[static_cast<std::size_t>(part)];
}

std::vector<std::string>& WarningsOf(Part part, Material* material) {
  return material->warnings[static_cast<std::size_t>(part)];
}

// Texts that differ give octets that differ.
void Append(std::string_view text, std::string* octets) {
  *octets += std::to_string(text.size()) + ':';
  *octets += text;
}

// --- our certificates --------------------------------------------------------------------

struct PairFiles {
  std::string certificate, key;
};

Result<std::vector<PairFiles>, std::string> PairsOf(const Sources& sources) {
  const auto certificates = SplitAdministratorList(sources.certificate_file);
  const auto keys = SplitAdministratorList(sources.key_file);
  if (certificates.empty()) return Err{std::string("no certificate file is configured")};
  if (!keys.empty() && keys.size() != certificates.size())
    return Err{"as many private keys as certificates are expected (" +
               std::to_string(certificates.size()) + "), found " + std::to_string(keys.size())};
  std::vector<PairFiles> pairs;
  for (std::size_t i = 0; i < certificates.size(); ++i)
    pairs.push_back({certificates[i], keys.empty() ? certificates[i] : keys[i]});
  return pairs;
}

std::string Unfit(const PairFiles& files, const std::string& why) {
  return Quoted(files.certificate) + " with key " + Quoted(files.key) + ": " + why;
}

void FindIssuer(const std::vector<crypto::CertificatePtr>& chain, Pair* pair) {
  for (const crypto::CertificatePtr& other : chain)
    if (other->subject_der() == pair->leaf->issuer_der()) pair->issuer = other;
}

// No octet of the key comes into this process: not even where its file is the certificate's.
Result<Pair, std::string> LoadPairOf(KeyClient& keys, const PairFiles& files) {
  const bool one_file = files.certificate == files.key;
  bool unfit = false;
  auto key = Result<RemoteKeyPtr, std::string>(RemoteKeyPtr());
  if (one_file) key = keys.Load(files.key, &unfit);
  if (!key.ok()) return Err{unfit ? Unfit(files, key.error()) : key.error()};
  auto pem = one_file ? Result<std::string, std::string>(key.value()->certificates())
                      : ReadTlsFile(files.certificate);
  if (!pem.ok()) return Err{pem.error()};
  const auto chain = crypto::Certificate::ChainFromPem(pem.value());
  if (!chain.ok()) return Err{Quoted(files.certificate) + ": " + chain.error()};
  if (!one_file) key = keys.Load(files.key, &unfit);
  if (!key.ok()) return Err{unfit ? Unfit(files, key.error()) : key.error()};
  Credentials trial;
  if (std::string wrong = trial.Add(pem.value(), key.value()); !wrong.empty())
    return Err{Unfit(files, wrong)};
  Pair pair{files.certificate, std::move(pem).value(), {}, chain.value().front(),
            nullptr,           std::move(key).value()};
  FindIssuer(chain.value(), &pair);
  return pair;
}

Result<Pair, std::string> LoadPair(const PairFiles& files, bool without_key) {
  if (KeyClient* const keys = KeyClient::InUse(); keys != nullptr && !without_key)
    return LoadPairOf(*keys, files);
  auto pem = ReadTlsFile(files.certificate);
  if (!pem.ok()) return Err{pem.error()};
  const auto chain = crypto::Certificate::ChainFromPem(pem.value());
  if (!chain.ok()) return Err{Quoted(files.certificate) + ": " + chain.error()};
  if (without_key)
    return Pair{files.certificate, std::move(pem).value(), {}, chain.value().front(), nullptr};
  auto key = ReadKeyFile(files.key);
  if (!key.ok()) return Err{key.error()};
  // Whether they fit is asked here, so that a bad new pair leaves the old one (rule C2).
  Credentials trial;
  if (std::string wrong = trial.Add(pem.value(), key.value()); !wrong.empty())
    return Err{Unfit(files, wrong)};
  Pair pair{files.certificate, std::move(pem).value(), std::move(key).value(),
            chain.value().front(), nullptr};
  FindIssuer(chain.value(), &pair);
  return pair;
}

std::string LoadPairs(const Sources& sources, Material* material) {
  const auto files = PairsOf(sources);
  if (!files.ok()) return files.error();
  auto pairs = std::make_shared<std::vector<Pair>>();
  std::string octets;
  for (const PairFiles& file : files.value()) {
    auto pair = LoadPair(file, sources.without_keys);
    if (!pair.ok()) return pair.error();
    Append(pair.value().chain_pem, &octets);
    const RemoteKeyPtr& elsewhere = pair.value().key;
    Append(crypto::Sha256(elsewhere != nullptr ? elsewhere->public_part()
                                               : pair.value().key_pem.Reveal()),
           &octets);
    pairs->push_back(std::move(pair).value());
  }
  material->pairs = std::move(pairs);
  DigestOf(Part::kPairs, material) = crypto::Sha256(octets);
  return "";
}

// --- whom we trust -----------------------------------------------------------------------

// "" or why the text is no file of revocation lists. One without a list is not the same as
// a list without entries (rule C3).
std::string FlawOfLists(const Result<std::string, std::string>& text) {
  if (!text.ok()) return text.error();
  const auto lists = crypto::CrlIndex::FromPem(text.value());
  if (!lists.ok()) return lists.error();
  return lists.value()->lists() == 0 ? "no PEM revocation list found" : "";
}

// The files of tls_crl, each by itself: a bad one of one authority keeps its last good text and
// does not keep the others from being read (rule C3). "" or what is wrong.
std::string LoadLists(const std::string& path, std::map<std::string, std::string>* lists,
                      std::vector<std::string>* warnings) {
  if (path.empty()) return "";
  const auto files = ReadEach(path);
  if (!files.ok() && lists->empty()) return files.error();
  std::map<std::string, Result<std::string, std::string>> found;
  if (files.ok()) found = files.value();
  for (const auto& [file, text] : *lists)
    found.emplace(file, Err{files.ok() ? Quoted(file) + " is gone" : files.error()});
  for (const auto& [file, text] : found) {
    std::string flaw = FlawOfLists(text);
    const bool known = lists->contains(file);
    if (flaw.empty()) {
      (*lists)[file] = text.value();
      continue;
    }
    const bool something_else = file != path && text.ok() && !known &&
                                text.value().find("-----BEGIN X509 CRL") == std::string::npos;
    if (something_else) continue;
    if (text.ok()) flaw = Quoted(file) + ": " + flaw;
    if (!known) return flaw;
    warnings->push_back(flaw + "; what was read before stays in use");
  }
  return lists->empty() ? Quoted(path) + ": no PEM revocation list found" : "";
}

std::string LoadTrust(const Sources& sources, Material* material) {
  crypto::TrustStore::Sources texts;
  texts.on_stale = sources.on_stale;
  if (!sources.verify_file.empty()) {
    auto read = ReadTrust(sources.verify_file);
    if (!read.ok()) return read.error();
    texts.anchors_pem = std::move(read).value();
    // Whoever writes into the file instead of replacing it leaves it empty for a moment.
    const bool had_some = material->trust != nullptr && material->trust->anchors() != 0;
    if (had_some && texts.anchors_pem.empty()) return Quoted(sources.verify_file) + " is empty";
  }
  std::map<std::string, std::string> lists = material->lists;
  std::vector<std::string> warnings;
  if (std::string wrong = LoadLists(sources.crl_file, &lists, &warnings); !wrong.empty())
    return wrong;
  for (const auto& [file, text] : lists) texts.crls_pem += text + '\n';
  std::string octets;
  Append(texts.anchors_pem, &octets);
  Append(texts.crls_pem, &octets);
  std::string digest = crypto::Sha256(octets);
  std::swap(WarningsOf(Part::kTrust, material), warnings);
  if (digest == DigestOf(Part::kTrust, material)) return "";  // what is there is the same
  auto store = crypto::TrustStore::Make(texts);
  if (!store.ok())
    return Quoted(sources.verify_file) +
           (sources.crl_file.empty() ? "" : ", " + Quoted(sources.crl_file)) + ": " + store.error();
  material->trust = std::move(store).value();
  material->lists = std::move(lists);
  DigestOf(Part::kTrust, material) = std::move(digest);
  return "";
}

bool NamesAreInAFile(const Sources& sources) {
  return !sources.ca_names.empty() && sources.ca_names != "all";
}

std::string LoadNames(const Sources& sources, Material* material) {
  if (!NamesAreInAFile(sources)) return "";
  const auto pem = ReadTlsFile(sources.ca_names);
  if (!pem.ok()) return pem.error();
  auto chain = crypto::Certificate::ChainFromPem(pem.value());
  if (!chain.ok()) return Quoted(sources.ca_names) + ": " + chain.error();
  Material next;
  next.names = std::move(chain).value();
  const auto fit = NamedAuthorities(sources, next);
  if (!fit.ok()) return fit.error();
  material->names = std::move(next.names);
  DigestOf(Part::kNames, material) = crypto::Sha256(pem.value());
  return "";
}

// --- what we staple ----------------------------------------------------------------------

struct StapleFile {
  std::string path;
  bool pem = false;
};

StapleFile FileOf(const std::string& item) {
  if (item.starts_with("PEM ")) return {std::string(Trim(item.substr(4))), true};
  if (item.starts_with("DER ")) return {std::string(Trim(item.substr(4))), false};
  return {item, false};
}

// A response as the library holds it.
class Response {
 public:
  Response() { SIGNET_CHECK(gnutls_ocsp_resp_init(&response_) >= 0); }
  ~Response() { gnutls_ocsp_resp_deinit(response_); }
  Response(const Response&) = delete;
  Response& operator=(const Response&) = delete;
  gnutls_ocsp_resp_t get() const { return response_; }
  std::string Import(const std::string& octets, bool pem);
  // "" or why it is not to be sent with `pair`.
  std::string Fits(const Pair& pair, std::int64_t now, Staple* staple) const;

 private:
  std::string SignedFor(const Pair& pair) const;
  gnutls_ocsp_resp_t response_ = nullptr;
};

// A certificate as the library holds it.
class LibraryCertificate {
 public:
  explicit LibraryCertificate(const crypto::Certificate& certificate) {
    SIGNET_CHECK(gnutls_x509_crt_init(&crt_) >= 0);
    const std::string_view der = certificate.der();
    const gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(der.data())),
                               static_cast<unsigned>(der.size())};
    good_ = gnutls_x509_crt_import(crt_, &in, GNUTLS_X509_FMT_DER) >= 0;
  }
  ~LibraryCertificate() { gnutls_x509_crt_deinit(crt_); }
  LibraryCertificate(const LibraryCertificate&) = delete;
  LibraryCertificate& operator=(const LibraryCertificate&) = delete;
  bool good() const { return good_; }
  gnutls_x509_crt_t get() const { return crt_; }

 private:
  gnutls_x509_crt_t crt_ = nullptr;
  bool good_ = false;
};

std::string Response::Import(const std::string& octets, bool pem) {
  const gnutls_datum_t in = {reinterpret_cast<unsigned char*>(const_cast<char*>(octets.data())),
                             static_cast<unsigned>(octets.size())};
  const auto format = pem ? GNUTLS_X509_FMT_PEM : GNUTLS_X509_FMT_DER;
  if (gnutls_ocsp_resp_import2(response_, &in, format) < 0) return "is no OCSP response";
  return gnutls_ocsp_resp_get_status(response_) == GNUTLS_OCSP_RESP_SUCCESSFUL
             ? ""
             : "is an OCSP response that only says that there is none";
}

// Whom it is signed by can only be asked where the issuer is in our chain.
std::string Response::SignedFor(const Pair& pair) const {
  if (pair.issuer == nullptr) return "";
  const LibraryCertificate issuer(*pair.issuer);
  unsigned flaws = 0;
  const bool good = issuer.good() &&
                    gnutls_ocsp_resp_verify_direct(response_, issuer.get(), &flaws, 0) >= 0 &&
                    flaws == 0;
  return good ? "" : "is not signed by the issuer of the certificate";
}

std::string Response::Fits(const Pair& pair, std::int64_t now, Staple* staple) const {
  const LibraryCertificate leaf(*pair.leaf);
  for (unsigned i = 0; leaf.good(); ++i) {
    unsigned status = 0;
    std::time_t made = -1, next = -1;
    const int rc = gnutls_ocsp_resp_get_single(response_, i, nullptr, nullptr, nullptr, nullptr,
                                               &status, &made, &next, nullptr, nullptr);
    if (rc < 0) break;
    if (gnutls_ocsp_resp_check_crt(response_, i, leaf.get()) < 0) continue;
    if (status != GNUTLS_OCSP_CERT_GOOD) return "does not say that the certificate is good";
    if (now < made) return "is from the future";
    if (next < 0) return "does not say until when it holds";
    if (now >= next) return "is out of date";
    staple->until = next;
    return SignedFor(pair);
  }
  return "is for another certificate";
}

std::string LoadStaples(const Sources& sources, Material* material) {
  const auto files = SplitAdministratorList(sources.ocsp_file);
  const std::vector<Pair>& pairs = *material->pairs;
  if (files.size() > pairs.size())
    return "more OCSP responses (" + std::to_string(files.size()) + ") than certificates (" +
           std::to_string(pairs.size()) + ") are configured";
  material->staples.clear();
  std::vector<std::string>& warnings = WarningsOf(Part::kStaples, material);
  warnings.clear();
  std::string octets;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto staple = ReadStaple(files[i], pairs[i], std::time(nullptr));
    if (!staple.ok()) {
      warnings.push_back(staple.error() + "; nothing is stapled to " +
                         Quoted(pairs[i].certificate_file));
      continue;
    }
    staple.value().pair = i;
    Append(std::to_string(i), &octets);
    Append(staple.value().der, &octets);
    material->staples.push_back(std::move(staple).value());
  }
  DigestOf(Part::kStaples, material) = crypto::Sha256(octets);
  return "";
}

// --- what tickets are sealed with --------------------------------------------------------

std::string LoadTickets(const Sources& sources, Material* material) {
  if (sources.ticket_keys.empty() || sources.without_keys) return "";
  auto secrets = ReadTicketSecrets(sources.ticket_keys);
  if (!secrets.ok()) return secrets.error();
  std::string octets;
  for (const SecretText& secret : secrets.value()) Append(crypto::Sha256(secret.Reveal()), &octets);
  material->tickets = std::make_shared<const TicketSecrets>(std::move(secrets).value());
  DigestOf(Part::kTickets, material) = crypto::Sha256(octets);
  return "";
}

}  // namespace

Result<Staple, std::string> ReadStaple(const std::string& item, const Pair& pair,
                                       std::int64_t now) {
  const StapleFile file = FileOf(item);
  const auto octets = ReadTlsFile(file.path);
  if (!octets.ok()) return Err{octets.error()};
  Response response;
  std::string wrong = response.Import(octets.value(), file.pem);
  Staple staple;
  if (wrong.empty()) wrong = response.Fits(pair, now, &staple);
  if (!wrong.empty()) return Err{Quoted(file.path) + ' ' + wrong};
  gnutls_datum_t der{};
  SIGNET_CHECK(gnutls_ocsp_resp_export2(response.get(), &der, GNUTLS_X509_FMT_DER) >= 0);
  staple.der.assign(reinterpret_cast<char*>(der.data), der.size);
  gnutls_free(der.data);
  return staple;
}

Result<std::vector<crypto::CertificatePtr>, std::string> NamedAuthorities(
    const Sources& sources, const Material& material) {
  if (sources.ca_names.empty()) return std::vector<crypto::CertificatePtr>();
  const auto& all =
      NamesAreInAFile(sources) ? material.names : material.trust->anchor_certificates();
  if (all.size() <= limits::kCaNamesMax) return all;
  return Err{Quoted(sources.ca_names) + " are " + std::to_string(all.size()) +
             " authorities; clients are sent the names of at most " +
             std::to_string(limits::kCaNamesMax)};
}

std::vector<std::string> FilesOf(Part part, const Sources& sources) {
  std::vector<std::string> files;
  const auto add = [&](const std::string& list) {
    for (const std::string& item : SplitAdministratorList(list)) files.push_back(FileOf(item).path);
  };
  switch (part) {
    case Part::kPairs:
      add(sources.certificate_file);
      add(sources.key_file);
      break;
    case Part::kTrust:
      for (const std::string& file : {sources.verify_file, sources.crl_file})
        if (!file.empty()) files.push_back(file);
      break;
    case Part::kNames:
      if (NamesAreInAFile(sources)) files.push_back(sources.ca_names);
      break;
    case Part::kStaples:
      add(sources.ocsp_file);
      break;
    case Part::kTickets:
      if (!sources.ticket_keys.empty()) files.push_back(sources.ticket_keys);
      break;
  }
  return files;
}

std::string Load(Part part, const Sources& sources, Material* material) {
  switch (part) {
    case Part::kPairs:
      return LoadPairs(sources, material);
    case Part::kTrust:
      return LoadTrust(sources, material);
    case Part::kNames:
      return LoadNames(sources, material);
    case Part::kStaples:
      return LoadStaples(sources, material);
    case Part::kTickets:
      return LoadTickets(sources, material);
  }
  return "";
}

std::vector<std::string> Complaints(const Sources& sources) {
  std::vector<std::string> complaints;
  Material material;
  for (const Part part : kParts) {
    if (part == Part::kStaples && material.pairs == nullptr) continue;
    const std::string wrong = Load(part, sources, &material);
    if (wrong.empty()) continue;
    complaints.push_back(wrong);
    const auto files = PairsOf(sources);
    if (part != Part::kPairs || !files.ok()) continue;
    for (const PairFiles& file : files.value()) {  // a bad certificate hides its key
      std::string flaw;
      if (KeyClient* const keys = KeyClient::InUse()) {
        bool unfit = false;
        const auto key = keys->Load(file.key, &unfit);
        if (!key.ok() && !unfit) flaw = key.error();
      } else if (const auto key = ReadKeyFile(file.key); !key.ok()) {
        flaw = key.error();
      }
      if (!flaw.empty() && flaw != wrong) complaints.push_back(flaw);
    }
  }
  return complaints;
}

}  // namespace signet::tls
