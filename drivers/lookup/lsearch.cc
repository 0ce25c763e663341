// The `lsearch` lookup: a key in a text file of "key: data" items. In files of `wildlsearch`
// and `nwildlsearch` the keys are patterns, in those of `iplsearch` networks: there the first
// one that fits counts.
//
// Files are read whole on a thread of the blocking pool and kept, indexed, until they
// change: each lookup asks the file system for the file's state. What cannot be read is
// temporary trouble, a file that is not there included: an empty answer could let
// somebody in whom the file keeps out.
#include <errno.h>
#include <fcntl.h>
#include <signet/driver_cpp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <list>

#include "drivers/lookup/ip_key.h"
#include "drivers/lookup/lsearch_text.h"

namespace {

using signet::driver::Text;
using signet::driver::View;
using signet::lsearch::Table;

constexpr std::size_t kFileMaxBytes = 64 * 1024 * 1024;  // limits::kLookupFileMaxBytes
constexpr std::size_t kFilesKept = 25;

// What tells one state of a file from another.
struct Version {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  timespec modified{};
  bool settled = false;  // old enough when it was read that a later write changes `modified`

  bool Same(const Version& other) const {
    return settled && device == other.device && inode == other.inode && size == other.size &&
           modified.tv_sec == other.modified.tv_sec && modified.tv_nsec == other.modified.tv_nsec;
  }
};

struct File {
  std::string path;
  Version version;
  // Shared: a lookup may still read a table that a newer one has replaced.
  std::shared_ptr<const Table> table;
};

// What a thread of the blocking pool finds out about a file.
struct Reading {
  std::string path;
  std::string type;  // for messages
  Version known;     // of the table that we have, if we have one
  bool unchanged = false;
  Version version;
  std::shared_ptr<const Table> table;
  std::string trouble;
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string CannotOpen(const std::string& path, int error) {
  std::string text = "failed to open " + path + " for linear search: " + strerror(error);
  if (error == EACCES)
    text += " (euid=" + std::to_string(::geteuid()) + " egid=" + std::to_string(::getegid()) + ")";
  return text;
}

Version VersionOf(const struct stat& info) {
  Version version{info.st_dev, info.st_ino, info.st_size, info.st_mtim, false};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  version.settled = now.tv_sec - info.st_mtim.tv_sec > 2 || now.tv_sec < info.st_mtim.tv_sec;
  return version;
}

// Reads to the end; the file may grow or shrink meanwhile.
std::string ReadAll(int fd, std::size_t expected, std::string* text) {
  text->reserve(expected);
  char block[3000];
  while (text->size() <= kFileMaxBytes) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got == 0) return "";
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return strerror(errno);
    text->append(block, static_cast<std::size_t>(got));
  }
  return "is larger than " + std::to_string(kFileMaxBytes) + " octets";
}

// O_NONBLOCK: opening a FIFO must not wait for a writer.
void Read(Reading* reading) {
  const std::string& path = reading->path;
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    reading->trouble = CannotOpen(path, errno);
    return;
  }
  if (!S_ISREG(info.st_mode)) {
    reading->trouble = path + " is not a regular file (" + reading->type + " lookup)";
    return;
  }
  reading->version = VersionOf(info);
  reading->unchanged = reading->known.Same(reading->version);
  if (reading->unchanged) return;
  std::string text;
  if (std::string why = ReadAll(fd.get(), static_cast<std::size_t>(info.st_size), &text);
      !why.empty()) {
    reading->trouble = path + ": " + why;
    return;
  }
  reading->table = std::make_shared<const Table>(std::move(text));
}

// The files of one worker, last used first.
class State {
 public:
  explicit State(signet_worker* worker) : worker_(worker) {}

  // The table of `path` as it is now, or nullptr with `trouble`.
  std::shared_ptr<const Table> Get(const signet_host* host, std::string_view path,
                                   const std::string& type, std::string* trouble);

 private:
  std::shared_ptr<const Table> Use(std::string_view path, Version* version);
  void Keep(File file);

  signet_worker* worker_;
  std::list<File> files_;
};

std::shared_ptr<const Table> State::Use(std::string_view path, Version* version) {
  for (auto file = files_.begin(); file != files_.end(); ++file) {
    if (file->path != path) continue;
    files_.splice(files_.begin(), files_, file);
    *version = file->version;
    return file->table;
  }
  return nullptr;
}

void State::Keep(File file) {
  files_.remove_if([&](const File& other) { return other.path == file.path; });
  files_.push_front(std::move(file));
  if (files_.size() > kFilesKept) files_.pop_back();
}

std::shared_ptr<const Table> State::Get(const signet_host* host, std::string_view path,
                                        const std::string& type, std::string* trouble) {
  Reading reading;
  reading.path = path;
  reading.type = type;
  std::shared_ptr<const Table> table = Use(path, &reading.known);
  signet::driver::Blocking(host, worker_, [&reading] { Read(&reading); });
  if (reading.unchanged) return table;
  *trouble = reading.trouble;
  if (reading.table != nullptr) Keep({reading.path, reading.version, reading.table});
  return reading.table;
}

bool HasOption(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const std::size_t comma = options.find(',');
    if (options.substr(0, comma) == wanted) return true;
    if (comma == std::string_view::npos) break;
    options.remove_prefix(comma + 1);
  }
  return false;
}

signet_found Later(const signet_host* host, signet_lookup_call* call, std::string_view why) {
  host->answer(call, Text(why));
  return SIGNET_LATER;
}

// Rows of kTypes.
enum Type : std::uint32_t { kLsearch, kWildlsearch, kNwildlsearch, kIplsearch };
constexpr const char* kNames[] = {"lsearch", "wildlsearch", "nwildlsearch", "iplsearch"};

// Sets *item to what the key finds.
signet_found FindExact(const Table& table, std::string_view key, std::optional<Table::Item>* item) {
  *item = table.Find(key);
  return *item ? SIGNET_FOUND : SIGNET_NOT_FOUND;
}

// The first key of the file that is a pattern for the key.
signet_found FindPattern(const signet_host* host, signet_lookup_call* call, const Table& table,
                         std::optional<Table::Item>* item) {
  const std::uint32_t flags = call->type == kWildlsearch ? SIGNET_PATTERN_EXPAND : 0;
  if (!SIGNET_HAS(host, match_pattern))
    return Later(host, call, "this host cannot match the patterns of \"wildlsearch\"");
  for (std::size_t n = 0; n < table.count(); ++n) {
    const std::string pattern = table.KeyAt(n);
    const signet_found found = host->match_pattern(call, Text(pattern), flags);
    if (found == SIGNET_NOT_FOUND) continue;
    if (found == SIGNET_FOUND) *item = table.At(n);
    return found;
  }
  return SIGNET_NOT_FOUND;
}

// The first network of the file that the key lies in. Keys that are no addresses are passed
// over, as in Exim.
signet_found FindNetwork(const signet_host* host, signet_lookup_call* call, const Table& table,
                         std::optional<Table::Item>* item) {
  const std::string_view key = View(call->key);
  if (key == "*") return FindExact(table, key, item);
  const auto address = signet::driver::ReadIpKey(key);
  if (!address || key.find('/') != std::string_view::npos)
    return Later(host, call,
                 "\"" + std::string(key) +
                     "\" is not a valid iplsearch key (an IP address, with optional CIDR mask, is "
                     "wanted): in a host list, use net-iplsearch as the search type");
  for (std::size_t n = 0; n < table.count(); ++n) {
    const auto network = signet::driver::ReadIpKey(table.KeyAt(n));
    if (!network || !signet::driver::Covers(*network, *address)) continue;
    *item = table.At(n);
    return SIGNET_FOUND;
  }
  return SIGNET_NOT_FOUND;
}

signet_found Find(const signet_host* host, void* state, signet_lookup_call* call) noexcept {
  const std::string_view path = View(call->query);
  const std::string name = kNames[call->type];
  if (path.empty() || path[0] != '/' || path.find('\0') != std::string_view::npos)
    return Later(host, call, "absolute file name expected for \"" + name + "\" lookup");
  std::string trouble;
  // Ours for as long as we wait: a newer table may replace it meanwhile.
  const auto table = static_cast<State*>(state)->Get(host, path, name, &trouble);
  if (table == nullptr) {
    host->answer(call, Text(trouble));
    return SIGNET_UNREADABLE;
  }
  std::optional<Table::Item> item;
  signet_found found;
  if (call->type == kLsearch)
    found = FindExact(*table, View(call->key), &item);
  else if (call->type == kIplsearch)
    found = FindNetwork(host, call, *table, &item);
  else
    found = FindPattern(host, call, *table, &item);
  if (found != SIGNET_FOUND) return found;
  host->answer(call, Text(HasOption(View(call->options), "ret=full") ? item->full : item->data));
  return SIGNET_FOUND;
}

void* Open(const signet_host*, signet_worker* worker) noexcept { return new State(worker); }
void Close(const signet_host*, void* state) noexcept { delete static_cast<State*>(state); }

// clang-format off
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("lsearch"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE, 0,
     SIGNET_TEXT("the data behind a key in a text file of \"key: data\" lines"),
     SIGNET_TEXT("ret=full")},
    {SIGNET_TEXT("wildlsearch"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE, 0,
     SIGNET_TEXT("the same where the keys in the file are patterns, each expanded first"),
     SIGNET_TEXT("ret=full")},
    {SIGNET_TEXT("nwildlsearch"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE, 0,
     SIGNET_TEXT("the same where the keys in the file are patterns, not expanded"),
     SIGNET_TEXT("ret=full")},
    {SIGNET_TEXT("iplsearch"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE, 0,
     SIGNET_TEXT("the same where the keys in the file are IP addresses and networks"),
     SIGNET_TEXT("ret=full")},
};

const signet_lookup_driver kDriver = {
    .abi_version = SIGNET_ABI_VERSION,
    .reserved = 0,
    .size = sizeof(signet_lookup_driver),
    .name = SIGNET_TEXT("lsearch"),
    .main_options = nullptr,
    .main_option_count = 0,
    .main_option_size = 0,
    .types = kTypes,
    .type_count = sizeof kTypes / sizeof kTypes[0],
    .type_size = sizeof kTypes[0],
    .open = Open,
    .close = Close,
    .find = Find,
    .authenticate = nullptr,
    .quote = nullptr,
};
const signet_lookup_driver* const kLookups[] = {&kDriver};

const signet_module kModule = {
    .abi_version = SIGNET_ABI_VERSION,
    .reserved = 0,
    .size = sizeof(signet_module),
    .name = SIGNET_TEXT("lsearch"),
    .version = {},
    .auths = nullptr,
    .auth_count = 0,
    .lookups = kLookups,
    .lookup_count = 1,
};
// clang-format on

}  // namespace

SIGNET_DRIVER_ENTRY(lsearch) { return &kModule; }
