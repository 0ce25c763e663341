// The lookups `dbm`, `dbmnz` and `dbmjz`: a key in a Berkeley DB file.
//
// They differ in the key's form only: with a NUL behind it, as programs in C wrote it;
// without; and as a list whose elements have NUL between them, as SASL's password files do.
#include <db.h>
#include <errno.h>
#include <signet/driver_cpp.h>
#include <string.h>
#include <sys/stat.h>

#include "drivers/lookup/file.h"

namespace {

using signet::driver::Text;
using signet::driver::View;

constexpr std::size_t kAnswerMaxBytes = 1024 * 1024;  // limits::kLookupAnswerBytes
constexpr std::size_t kKeyMaxBytes = 64 * 1024;       // longer than any that was stored

enum Type : std::uint32_t { kWithNul, kPlain, kJoined };

signet_found Say(const signet_host* host, signet_lookup_call* call, signet_found found,
                 std::string_view text) {
  host->answer(call, Text(text));
  return found;
}

struct Closer {
  void operator()(DB* database) const { database->close(database, 0); }
};
using Database = std::unique_ptr<DB, Closer>;

// The database at `path`, or what is wrong. The library opens by name, so what it opened is
// looked at once more.
Database OpenDatabase(const std::string& path, std::string* why) {
  signet::driver::Descriptor fd;
  struct stat info {
  }, opened{};
  *why = signet::driver::OpenRegularFile(path, "dbm search", "dbm", &fd, &info);
  if (fd.get() < 0) *why = signet::driver::CannotOpen(path + " as a db (v4.1+) file", errno);
  if (!why->empty()) return nullptr;
  DB* made = nullptr;
  int error = db_create(&made, nullptr, 0);
  Database database(error == 0 ? made : nullptr);
  if (database != nullptr) {
    database->set_errcall(made, [](const DB_ENV*, const char*, const char*) {});
    error = database->open(made, nullptr, path.c_str(), nullptr, DB_UNKNOWN, DB_RDONLY, 0);
  }
  int number = -1;
  if (error == 0) error = database->fd(made, &number);
  if (error == 0 && (::fstat(number, &opened) != 0 || opened.st_ino != info.st_ino ||
                     opened.st_dev != info.st_dev))
    error = EAGAIN;
  if (error == 0) return database;
  *why = signet::driver::CannotOpen(path + " as a db (v4.1+) file", error > 0 ? error : EINVAL);
  return nullptr;
}

int Get(DB* database, std::string key, std::string* data) {
  DBT wanted{}, found{};
  wanted.data = key.data();
  wanted.size = static_cast<std::uint32_t>(key.size());
  found.flags = DB_DBT_USERMEM;
  data->resize(4000);
  for (;;) {
    found.data = data->data();
    found.ulen = static_cast<std::uint32_t>(data->size());
    const int error = database->get(database, nullptr, &wanted, &found, 0);
    if (error != DB_BUFFER_SMALL || found.size > kAnswerMaxBytes) {
      if (error == 0) data->resize(found.size);
      return error;
    }
    data->resize(found.size);
  }
}

signet_found Find(const signet_host* host, void*, signet_lookup_call* call) noexcept {
  const std::string path(View(call->query));
  std::string key(View(call->key));
  if (path.empty() || path[0] != '/' || path.find('\0') != std::string::npos)
    return Say(host, call, SIGNET_UNREADABLE, "absolute file name expected for \"dbm\" lookup");
  std::string why;
  const Database database = OpenDatabase(path, &why);
  if (database == nullptr) return Say(host, call, SIGNET_UNREADABLE, why);
  if (key.size() > kKeyMaxBytes || (call->type != kJoined && key.find('\0') != std::string::npos))
    return SIGNET_NOT_FOUND;
  if (call->type == kWithNul) key += '\0';
  std::string data;
  switch (const int error = Get(database.get(), key, &data)) {
    case 0:
      break;
    case DB_NOTFOUND:
    case DB_KEYEMPTY:
      return SIGNET_NOT_FOUND;
    case DB_BUFFER_SMALL:
      return Say(host, call, SIGNET_LATER,
                 "the answer is longer than " + std::to_string(kAnswerMaxBytes) + " octets");
    default:
      return Say(host, call, SIGNET_LATER, path + ": " + db_strerror(error));
  }
  // Data that was stored with its NUL ends before it.
  return Say(host, call, SIGNET_FOUND, std::string_view(data).substr(0, data.find('\0')));
}

// clang-format off
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("dbm"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_BLOCKING, 0,
     SIGNET_TEXT("the data behind a key, stored with its NUL, in a Berkeley DB file"), SIGNET_TEXT("")},
    {SIGNET_TEXT("dbmnz"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_BLOCKING, 0,
     SIGNET_TEXT("the same, where keys were stored without NUL"), SIGNET_TEXT("")},
    {SIGNET_TEXT("dbmjz"), SIGNET_LOOKUP_SINGLE_KEY | SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_BLOCKING | SIGNET_LOOKUP_LIST_KEY, 0,
     SIGNET_TEXT("the same, where a key is several parts with NUL between them"), SIGNET_TEXT("")},
};
// clang-format on
const signet_lookup_driver kDriver = signet::driver::LookupDriver("dbm", kTypes, Find);
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("dbm", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(dbm) { return &kModule; }
