#include "src/auth/pinned.h"

#include <sys/stat.h>

#include <ctime>

#include "src/auth/authenticate.h"
#include "src/base/codec.h"
#include "src/base/codes.h"
#include "src/crypto/pins.h"
#include "src/engine/engine.h"

namespace signet::auth {
namespace {

using crypto::PinTable;
using Loaded = Result<std::shared_ptr<const PinTable>, std::string>;

std::string Quoted(std::string_view text) { return '"' + Printable(text) + '"'; }

std::string PinText(const crypto::Certificate& certificate) {
  return EncodeBase64(crypto::PinOf(certificate));
}

// It works today, and will not once the certificate is renewed.
void WarnOfFingerprint(const config::Authenticator& instance, const crypto::PinEntry& entry,
                       const crypto::Certificate& certificate, Log* log) {
  if (log == nullptr) return;
  log->Main(instance.name + " authenticator: the certificate of " + Quoted(entry.name) +
            " is known by its fingerprint only, which its renewal, due by " +
            crypto::ShowDate(certificate.not_after(), crypto::DayEnd::kLast) +
            ", changes; add pin=" + PinText(certificate));
}

}  // namespace

Pinned FindPinned(const config::Authenticator& instance, const crypto::Certificate& certificate,
                  std::int64_t now, Log* log) {
  Loaded table = Err{std::string()};
  engine::Blocking([&] { table = instance.pins->Load(); });
  Pinned pinned;
  if (!table.ok()) {
    pinned.deferred = true;
    pinned.reason = "server_pins: " + table.error();
    return pinned;
  }
  const PinTable::Match match = table.value()->Find(certificate);
  if (match.how == PinTable::How::kNot) {
    pinned.reason = "its pin " + PinText(certificate) + " is not in server_pins";
    return pinned;
  }
  if (match.other != nullptr) {
    pinned.reason = "server_pins has its key as " + Quoted(match.entry->name) +
                    " and its fingerprint as " + Quoted(match.other->name);
    return pinned;
  }
  if (const std::string why = crypto::WhyNotNow(*match.entry, now); !why.empty()) {
    pinned.reason = "its line of server_pins, " + Quoted(match.entry->name) + ", " + why;
    return pinned;
  }
  if (match.how == PinTable::How::kFingerprint)
    WarnOfFingerprint(instance, *match.entry, certificate, log);
  pinned.found = true;
  pinned.name = match.entry->name;
  return pinned;
}

void CheckPins(const config::Config& config, Diagnostics* diagnostics) {
  for (const config::Authenticator& instance : config.authenticators) {
    if (instance.pins == nullptr || instance.pins->path().empty()) continue;
    const std::string& path = instance.pins->path();
    const Loaded table = instance.pins->Load();
    struct stat info {};
    if (!table.ok()) {
      diagnostics->push_back({Severity::kError,
                              instance.server_pins.span,
                              "server_pins: " + table.error(),
                              "\"signet pins\" makes such files",
                              {}});
    } else if (stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      diagnostics->push_back(
          {Severity::kWarning,
           instance.server_pins.span,
           "group or others may write " + Quoted(path) + ", and so say who may authenticate",
           {},
           {},
           code::kFileMode});
    }
  }
}

}  // namespace signet::auth
