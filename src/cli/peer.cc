#include "src/cli/peer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "src/auth/authenticate.h"
#include "src/crypto/trust.h"
#include "src/engine/engine.h"
#include "src/smtp/site.h"

namespace signet::cli {
namespace {

using Pem = Result<std::string, std::string>;

Pem ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.fail()) {
    return Err{"cannot read \"" + path + "\": " + std::strerror(errno != 0 ? errno : EIO)};
  }
  return text.str();
}

// A file, or all files of a directory in order of name.
Pem ReadFiles(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return ReadFile(path);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.is_regular_file(error)) names.push_back(entry.path().string());
  }
  std::sort(names.begin(), names.end());
  std::string all;
  for (const std::string& name : names) {
    Pem text = ReadFile(name);
    if (!text) return text;
    all += text.value() + '\n';
  }
  return all;
}

// What the file named by an option holds; empty where the option is unset or empty.
Pem ReadOption(const config::Expanded& option, const facts::Session& session,
               expand::Services& services) {
  if (!option) return std::string();
  expand::Budget budget;
  expand::Outcome path = expand::Evaluate(*option.program, session, services, budget);
  if (!path && path.error().kind == FailureKind::kForced) return std::string();
  if (!path) return Err{path.error().text};
  if (path.value().text.empty()) return std::string();
  return ReadFiles(path.value().text);
}

// Why the chain does not verify; empty where it does.
Pem Verify(const std::vector<crypto::CertificatePtr>& chain, const config::Config& config,
           expand::Services& services, const facts::Session& session) {
  Pem anchors = ReadOption(config.main.tls_verify_certificates, session, services);
  if (!anchors) return anchors;
  Pem crls = ReadOption(config.main.tls_crl, session, services);
  if (!crls) return crls;
  if (anchors.value().empty()) return std::string("tls_verify_certificates is not set");
  auto store =
      crypto::TrustStore::Make({anchors.value(), crls.value(), smtp::OnStaleOf(config.main)});
  if (!store) return Err{store.error()};
  std::vector<std::string_view> ders;
  for (const crypto::CertificatePtr& certificate : chain) ders.push_back(certificate->der());
  crypto::ChainStatus status =
      store.value()->Verify(ders, auth::PurposeOfClients(config), services.Now());
  return status.verified ? std::string() : status.reason;
}

Result<std::vector<crypto::CertificatePtr>, std::string> ReadChain(const std::string& pem_file) {
  Pem pem = ReadFile(pem_file);
  if (!pem) return Err{pem.error()};
  auto chain = crypto::Certificate::ChainFromPem(pem.value());
  if (!chain) return Err{"\"" + pem_file + "\": " + chain.error()};
  if (chain.value().empty()) return Err{"\"" + pem_file + "\" holds no certificate"};
  return std::move(chain).value();
}

}  // namespace

Result<crypto::CertificatePtr, std::string> ReadCertificate(const std::string& pem_file) {
  auto chain = ReadChain(pem_file);
  if (!chain) return Err{chain.error()};
  return chain.value().front();
}

Result<std::string, std::string> PretendCertificate(const std::string& pem_file,
                                                    const config::Config& config,
                                                    expand::Services& services,
                                                    facts::Session* session) {
  auto chain = ReadChain(pem_file);
  if (!chain) return Err{chain.error()};
  session->tls.active = true;
  session->tls.peer = chain.value().front();
  Pem reason = std::string();
  engine::OnThreadStack([&] { reason = Verify(chain.value(), config, services, *session); });
  if (!reason) return reason;
  session->tls.verified = reason.value().empty();
  session->tls.verify_reason = reason.value();
  return reason;
}

}  // namespace signet::cli
