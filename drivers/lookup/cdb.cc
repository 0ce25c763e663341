// The `cdb` lookup: a key in a constant database, as cdb and tinycdb make them.
//
// The file is read, not mapped: a file that is cut short while it is mapped would end the
// program.
#include <cdb.h>
#include <errno.h>
#include <signet/driver_cpp.h>
#include <string.h>

#include "drivers/lookup/file.h"

namespace {

using signet::driver::Descriptor;
using signet::driver::Text;
using signet::driver::View;

constexpr std::size_t kAnswerMaxBytes = 1024 * 1024;  // limits::kLookupAnswerBytes
constexpr off_t kHeaderBytes = 2048;

signet_found Say(const signet_host* host, signet_lookup_call* call, signet_found found,
                 std::string_view text) {
  host->answer(call, Text(text));
  return found;
}

signet_found Broken(const signet_host* host, signet_lookup_call* call, const std::string& path) {
  return Say(host, call, SIGNET_LATER, path + ": not a whole cdb file: " + strerror(errno));
}

signet_found Find(const signet_host* host, void*, signet_lookup_call* call) noexcept {
  const std::string path(View(call->query));
  const std::string_view key = View(call->key);
  if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos)
    return Say(host, call, SIGNET_UNREADABLE, "absolute file name expected for \"cdb\" lookup");
  Descriptor fd;
  struct stat info {};
  std::string why = signet::driver::OpenRegularFile(path, "cdb lookup", "cdb", &fd, &info);
  if (why.empty() && info.st_size < kHeaderBytes)
    why = signet::driver::CannotOpen(path + " too short for cdb lookup", 0);
  if (!why.empty()) return Say(host, call, SIGNET_UNREADABLE, why);
  if (key.size() > kAnswerMaxBytes || key.find('\0') != std::string_view::npos)
    return SIGNET_NOT_FOUND;
  unsigned size = 0;
  const int found = cdb_seek(fd.get(), key.data(), static_cast<unsigned>(key.size()), &size);
  if (found == 0) return SIGNET_NOT_FOUND;
  if (found < 0) return Broken(host, call, path);
  if (size > kAnswerMaxBytes)
    return Say(host, call, SIGNET_LATER,
               "the answer is longer than " + std::to_string(kAnswerMaxBytes) + " octets");
  std::string data(size, '\0');
  if (size != 0 && cdb_bread(fd.get(), data.data(), static_cast<int>(size)) != 0)
    return Broken(host, call, path);
  return Say(host, call, SIGNET_FOUND, data);
}

const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("cdb"),
     SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_BLOCKING, 0,
     SIGNET_TEXT("the data behind a key in a constant database"), SIGNET_TEXT("")},
};
const signet_lookup_driver kDriver = signet::driver::LookupDriver("cdb", kTypes, Find);
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("cdb", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(cdb) { return &kModule; }
