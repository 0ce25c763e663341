// The `passwd` lookup: an account of this system.
//
// The query is a name, whatever it holds; so text from outside needs no quoting in it.
#include <errno.h>
#include <pwd.h>
#include <signet/driver_cpp.h>
#include <string.h>

#include <vector>

namespace {

using signet::driver::Text;
using signet::driver::View;

constexpr std::size_t kNameMaxBytes = 256;  // longer than any account's name
constexpr std::size_t kEntryMaxBytes = 64 * 1024;

// A name that no account has, or that the files and services behind getpwnam might take
// for something else.
bool IsNoName(std::string_view name) {
  constexpr std::string_view kNever("\0\n:/", 4);
  return name.empty() || name.size() > kNameMaxBytes ||
         name.find_first_of(kNever) != std::string_view::npos;
}

std::string Show(const passwd& entry) {
  std::string text = "*:" + std::to_string(entry.pw_uid) + ":" + std::to_string(entry.pw_gid);
  for (const char* part : {entry.pw_gecos, entry.pw_dir, entry.pw_shell})
    text.append(":").append(part == nullptr ? "" : part);
  return text;
}

signet_found Find(const signet_host* host, void*, signet_lookup_call* call) noexcept {
  const std::string name(View(call->query));
  if (IsNoName(name)) return SIGNET_NOT_FOUND;
  std::vector<char> room(1024);
  passwd entry{};
  passwd* found = nullptr;
  int error = 0;
  for (;;) {
    error = ::getpwnam_r(name.c_str(), &entry, room.data(), room.size(), &found);
    if (error == EINTR) continue;
    if (error != ERANGE || room.size() >= kEntryMaxBytes) break;
    room.resize(room.size() * 2);
  }
  if (found != nullptr) {
    const std::string text = Show(entry);
    host->answer(call, Text(text));
    return SIGNET_FOUND;
  }
  // What the manual lists for "there is no such name".
  if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM)
    return SIGNET_NOT_FOUND;
  host->answer(call, Text(std::string("cannot read the accounts: ") + strerror(error)));
  return SIGNET_LATER;
}

const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("passwd"), SIGNET_LOOKUP_BLOCKING, SIGNET_QUOTE_NOT_NEEDED,
     SIGNET_TEXT("an account of this system: *:UID:GID:GECOS:HOME:SHELL"), SIGNET_TEXT("")},
};
const signet_lookup_driver kDriver = signet::driver::LookupDriver("passwd", kTypes, Find);
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("passwd", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(passwd) { return &kModule; }
