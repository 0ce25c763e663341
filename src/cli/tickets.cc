#include "src/tls/tickets.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "src/base/codec.h"
#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/cli/options.h"
#include "src/cli/replacement.h"
#include "src/cli/report.h"
#include "src/crypto/digest.h"

// signet tickets: the file of secrets that gateways share.
namespace signet::cli {
namespace {

// The newest, and the one before for what it has sealed: tickets don't live as long as a day.
constexpr std::size_t kKeptUnlessSaid = 2;

int Complain(const std::string& message) {
  std::fprintf(stderr, "signet: %s\n", message.c_str());
  return kUsage;
}

std::string Quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

// What a symbolic link names; `path` itself where nothing is there.
Result<std::string, std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real != nullptr) return std::string(real.get());
  if (errno == ENOENT) return path;
  return Err{"cannot read " + Quoted(path) + ": " + std::strerror(errno)};
}

// The number of secrets that a file has afterwards; 0 where it cannot be.
std::size_t Kept(const std::string& text) {
  if (text.empty()) return kKeptUnlessSaid;
  std::size_t kept = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), kept);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && kept <= limits::kTicketKeysMax ? kept : 0;
}

int Rotate(const std::string& path, std::size_t kept) {
  const auto real = RealPath(path);
  if (!real.ok()) return Complain(real.error());
  tls::TicketSecrets secrets;
  if (::access(real.value().c_str(), F_OK) == 0) {
    auto old = tls::ReadTicketSecrets(real.value());
    if (!old.ok()) return Complain(old.error());
    secrets = std::move(old).value();
  }
  secrets.insert(secrets.begin(), SecretText(crypto::RandomOctets(limits::kTicketSecretMinBytes)));
  if (secrets.size() > kept) secrets.resize(kept);
  std::string text =
      "# Secrets of TLS tickets, newest first (tls_ticket_keys of Signet). Whoever has one can\n"
      "# be anybody: keep this file as private keys are kept.\n";
  for (const SecretText& secret : secrets) text += HexLower(secret.Reveal()) + "\n";
  const std::string wrong = Replacement(real.value(), "signet tickets", 0600).Write(text);
  explicit_bzero(text.data(), text.size());
  return wrong.empty() ? int{kGood} : Complain(wrong);
}

}  // namespace

int RunTickets(const Arguments& arguments) {
  const auto& words = arguments.operands;
  if (words.size() != 2 || words[0] != "rotate")
    return Complain("usage: signet tickets rotate FILE [--keep N]");
  const std::size_t kept = Kept(arguments.keep);
  if (kept == 0)
    return Complain("--keep wants a number from 1 to " + std::to_string(limits::kTicketKeysMax) +
                    ", not " + Quoted(arguments.keep));
  return Rotate(words[1], kept);
}

}  // namespace signet::cli
