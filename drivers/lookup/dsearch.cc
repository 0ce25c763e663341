// The `dsearch` lookup: whether a directory has an entry of a name.
//
// What it finds is a name that somebody who may write the directory gave to something, not
// what a client made up: it may stand in a file name. So nothing that leads out of the
// directory is ever found.
#include <errno.h>
#include <fcntl.h>
#include <signet/driver_cpp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "drivers/lookup/file.h"

namespace {

using signet::driver::Descriptor;
using signet::driver::OptionValue;
using signet::driver::Text;
using signet::driver::View;

// Whether a path has a component that goes nowhere or out, or starts anew.
bool HasBadComponent(std::string_view path) {
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (component.empty() || component == "." || component == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

std::string CheckKey(std::string_view key, bool may_be_path) {
  if (key.find('/') == std::string_view::npos) return "";
  const std::string_view wrong = may_be_path ? "contains bad component" : "contains a slash";
  if (may_be_path && !HasBadComponent(key)) return "";
  return "key for dsearch lookup " + std::string(wrong) + ": " + std::string(key);
}

bool Passes(std::string_view filter, std::string_view key, mode_t mode) {
  if (filter == "file") return S_ISREG(mode);
  if (filter == "dir") return S_ISDIR(mode);
  if (filter == "subdir") return S_ISDIR(mode) && key != ".";
  return true;
}

signet_found Say(const signet_host* host, signet_lookup_call* call, signet_found found,
                 std::string_view text) {
  host->answer(call, Text(text));
  return found;
}

signet_found Find(const signet_host* host, void*, signet_lookup_call* call) noexcept {
  const std::string directory(View(call->query)), key(View(call->key));
  const std::string_view options = View(call->options);
  if (directory.empty() || directory[0] != '/' || directory.find('\0') != std::string::npos)
    return Say(host, call, SIGNET_UNREADABLE, "absolute file name expected for \"dsearch\" lookup");
  const Descriptor fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 && errno == ENOTDIR)
    return Say(host, call, SIGNET_UNREADABLE, directory + " is not a directory (dsearch lookup)");
  if (fd.get() < 0)
    return Say(host, call, SIGNET_UNREADABLE,
               signet::driver::CannotOpen(directory + " for directory search", errno));
  if (std::string why = CheckKey(key, OptionValue(options, "key=") == "path"); !why.empty())
    return Say(host, call, SIGNET_LATER, why);
  // "..", which is in every directory, is no entry that somebody made.
  if (key.empty() || key == ".." || key.find('\0') != std::string::npos) return SIGNET_NOT_FOUND;
  struct stat info {};
  if (::fstatat(fd.get(), key.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG) return SIGNET_NOT_FOUND;
    return Say(host, call, SIGNET_LATER, directory + "/" + key + ": " + strerror(errno));
  }
  if (!Passes(OptionValue(options, "filter="), key, info.st_mode)) return SIGNET_NOT_FOUND;
  const bool full = OptionValue(options, "ret=") == "full";
  return Say(host, call, SIGNET_FOUND, full ? directory + "/" + key : key);
}

const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("dsearch"),
     SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_BLOCKING |
         SIGNET_LOOKUP_FILE_NAMES,
     0, SIGNET_TEXT("an entry of a directory"),
     SIGNET_TEXT("ret=full key=path filter=file filter=dir filter=subdir")},
};
const signet_lookup_driver kDriver = signet::driver::LookupDriver("dsearch", kTypes, Find);
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("dsearch", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(dsearch) { return &kModule; }
