// The `sqlite` lookup: statements of SQL on a database in a file.
//
// Connections are a worker's, and are used by one lookup at a time, on a thread that may
// block. A statement runs no longer than its lookup's deadline.
#include <errno.h>
#include <signet/driver_cpp.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <list>

#include "drivers/lookup/file.h"

namespace {

using signet::driver::Text;
using signet::driver::View;

constexpr std::size_t kAnswerMaxBytes = 1024 * 1024;  // limits::kLookupAnswerBytes
constexpr int kValueMaxBytes = 16 * 1024 * 1024;      // inside a statement
constexpr std::size_t kConnectionsKept = 8;
constexpr int kStepsPerLookAtTheClock = 1000;
constexpr std::int64_t kDefaultLockMs = 5000;

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

struct Closer {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct Finisher {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finisher>;

struct Connection {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
  std::unique_ptr<sqlite3, Closer> database;
};

// One lookup on its way through a thread that may block.
struct Search {
  const signet_host* host = nullptr;
  std::int64_t deadline_ms = 0;
  std::int64_t lock_ms = kDefaultLockMs;
  std::string path, sql;
  Connection connection;  // perhaps one that was open already
  signet_found found = SIGNET_NOT_FOUND;
  std::string text;  // the rows, or what is wrong
  std::string note;  // for the log
  bool changed = false;
};

signet_found End(Search* search, signet_found found, std::string text) {
  search->text = std::move(text);
  return search->found = found;
}

// --- rows --------------------------------------------------------------------------------

bool NeedsQuotes(std::string_view value) {
  return value.empty() || value[0] == '"' || std::any_of(value.begin(), value.end(), IsBlank);
}

void AddNamed(std::string_view name, std::string_view value, std::string* text) {
  text->append(name).append("=");
  if (!NeedsQuotes(value)) {
    text->append(value).append(" ");
    return;
  }
  *text += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') *text += '\\';
    *text += c;
  }
  text->append("\" ");
}

std::string_view ValueOf(sqlite3_stmt* statement, int column) {
  if (sqlite3_column_type(statement, column) == SQLITE_NULL) return "<NULL>";
  const void* data = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  return {size == 0 ? "" : static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

void AddRow(sqlite3_stmt* statement, bool first, std::string* text) {
  if (!first) *text += '\n';
  const int columns = sqlite3_column_count(statement);
  if (columns == 1) text->append(ValueOf(statement, 0));
  for (int column = 0; columns > 1 && column < columns; ++column)
    AddNamed(sqlite3_column_name(statement, column), ValueOf(statement, column), text);
}

// --- statements --------------------------------------------------------------------------

// A mistake in the SQL is "not found", as it is in Exim, and is logged. Anything else may
// be over tomorrow.
signet_found Fail(Search* search, int code) {
  sqlite3* database = search->connection.database.get();
  const std::string why = sqlite3_errmsg(database);
  if ((code & 0xff) == SQLITE_INTERRUPT) return End(search, SIGNET_LATER, "sqlite: timed out");
  if ((code & 0xff) != SQLITE_ERROR && (code & 0xff) != SQLITE_NOTADB)
    return End(search, SIGNET_LATER, "sqlite: " + why);
  search->note = "sqlite: " + search->path + ": " + why;
  return End(search, SIGNET_NOT_FOUND, "");
}

// Runs one statement; *rows counts over all of them. SQLITE_DONE where all is well.
int RunOne(sqlite3_stmt* statement, Search* search, std::size_t* rows) {
  if (sqlite3_stmt_readonly(statement) == 0) search->changed = true;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    AddRow(statement, *rows == 0, &search->text);
    ++*rows;
    if (search->text.size() > kAnswerMaxBytes) return SQLITE_TOOBIG;
  }
  return code;
}

signet_found RunAll(Search* search) {
  sqlite3* database = search->connection.database.get();
  const char* rest = search->sql.c_str();
  const char* end = rest + search->sql.size();
  std::size_t rows = 0;
  while (rest < end) {
    sqlite3_stmt* prepared = nullptr;
    int code = sqlite3_prepare_v2(database, rest, static_cast<int>(end - rest), &prepared, &rest);
    const Statement statement(prepared);
    if (code != SQLITE_OK) return Fail(search, code);
    if (prepared == nullptr) continue;  // blanks or a comment
    code = RunOne(prepared, search, &rows);
    if (code == SQLITE_TOOBIG && search->text.size() > kAnswerMaxBytes)
      return End(search, SIGNET_LATER,
                 "the answer is longer than " + std::to_string(kAnswerMaxBytes) + " octets");
    if (code != SQLITE_DONE) return Fail(search, code);
  }
  return search->found = rows == 0 ? SIGNET_NOT_FOUND : SIGNET_FOUND;
}

// --- connections -------------------------------------------------------------------------

// The database at the path, unless the connection that we have is still it.
bool Connect(Search* search) {
  Connection& connection = search->connection;
  struct stat info {};
  if (::stat(search->path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  if (connection.database != nullptr && connection.device == info.st_dev &&
      connection.inode == info.st_ino)
    return true;
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(search->path.c_str(), &opened,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  connection = {search->path, info.st_dev, info.st_ino, {}};
  connection.database.reset(opened);
  if (code != SQLITE_OK) return false;
  sqlite3_limit(opened, SQLITE_LIMIT_LENGTH, kValueMaxBytes);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return true;
}

int IsLate(void* context) noexcept {
  const auto* search = static_cast<const Search*>(context);
  return search->host->now_ms() >= search->deadline_ms ? 1 : 0;
}

void Run(Search* search) {
  if (!Connect(search)) {
    search->connection = {};
    End(search, SIGNET_UNREADABLE, "unable to open database file");
    return;
  }
  sqlite3* database = search->connection.database.get();
  const std::int64_t left_ms = search->deadline_ms - search->host->now_ms();
  sqlite3_busy_timeout(database,
                       static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, search->lock_ms)));
  sqlite3_progress_handler(database, kStepsPerLookAtTheClock, IsLate, search);
  RunAll(search);
  sqlite3_progress_handler(database, 0, nullptr, nullptr);
  // An open transaction would hold its locks until somebody uses the connection again.
  if (sqlite3_get_autocommit(database) == 0)
    sqlite3_exec(database, "rollback", nullptr, nullptr, nullptr);
}

// --- the driver --------------------------------------------------------------------------

class State {
 public:
  State(const signet_host* host, signet_worker* worker) : host_(host), worker_(worker) {
    signet_text text;
    if (host->main_option(worker, Text("sqlite_dbfile"), &text) != 0) file_ = View(text);
    if (host->main_option(worker, Text("sqlite_lock_timeout"), &text) != 0)
      lock_ms_ = ReadTime(View(text));
  }

  signet_found Find(signet_lookup_call* call);

 private:
  static std::int64_t ReadTime(std::string_view text);
  // The file and the statements of a lookup; false where the file's name is not absolute.
  bool Read(const signet_lookup_call& call, Search* search) const;
  void Take(Search* search);
  void Keep(Connection connection);

  const signet_host* host_;
  signet_worker* worker_;
  std::string file_;
  std::int64_t lock_ms_ = kDefaultLockMs;
  std::list<Connection> idle_;  // last used first
};

// The host has checked the form: numbers, each with a letter of wdhms.
std::int64_t State::ReadTime(std::string_view text) {
  constexpr std::int64_t kMostSeconds = 86'400;
  std::int64_t seconds = 0, number = 0;
  for (char c : text) {
    if (c >= '0' && c <= '9') number = std::min(kMostSeconds, number * 10 + (c - '0'));
    if (c == 'w' || c == 'd') seconds = kMostSeconds;
    if (c == 'h') seconds += number * 3600;
    if (c == 'm') seconds += number * 60;
    if (c == 's') seconds += number;
    if (c < '0' || c > '9') number = 0;
  }
  return std::min(kMostSeconds, seconds + number) * 1000;
}

bool State::Read(const signet_lookup_call& call, Search* search) const {
  std::string_view query = View(call.query);
  while (!query.empty() && IsBlank(query.front())) query.remove_prefix(1);
  const std::string_view option = signet::driver::OptionValue(View(call.options), "file=");
  search->path = file_;
  if (option.data() != nullptr) {
    search->path = option;
  } else if (!query.empty() && query[0] == '/') {
    const auto end = std::find_if(query.begin(), query.end(), IsBlank);
    search->path.assign(query.begin(), end);
    query.remove_prefix(search->path.size());
  }
  search->sql = query;
  return !search->path.empty() && search->path[0] == '/' &&
         search->path.find('\0') == std::string::npos;
}

void State::Take(Search* search) {
  const auto found = std::find_if(idle_.begin(), idle_.end(), [search](const Connection& idle) {
    return idle.path == search->path;
  });
  if (found == idle_.end()) return;
  search->connection = std::move(*found);
  idle_.erase(found);
}

void State::Keep(Connection connection) {
  if (connection.database == nullptr) return;
  idle_.push_front(std::move(connection));
  if (idle_.size() > kConnectionsKept) idle_.pop_back();
}

signet_found State::Find(signet_lookup_call* call) {
  Search search;
  search.host = host_;
  search.deadline_ms = call->deadline_ms;
  search.lock_ms = lock_ms_;
  if (!Read(*call, &search)) {
    host_->answer(call, Text("absolute file name expected for \"sqlite\" lookup"));
    return SIGNET_UNREADABLE;
  }
  if (search.sql.find('\0') != std::string::npos) {
    host_->answer(call, Text("sqlite: the query contains NUL"));
    return SIGNET_LATER;
  }
  Take(&search);
  signet::driver::Blocking(host_, worker_, [&search] { Run(&search); });
  Keep(std::move(search.connection));
  if (!search.note.empty()) host_->worker_log(worker_, Text(search.note));
  if (search.changed) host_->changed(call);
  host_->answer(call, Text(search.text));
  return search.found;
}

signet_found Find(const signet_host*, void* state, signet_lookup_call* call) noexcept {
  return static_cast<State*>(state)->Find(call);
}
void* Open(const signet_host* host, signet_worker* worker) noexcept {
  return new State(host, worker);
}
void Close(const signet_host*, void* state) noexcept { delete static_cast<State*>(state); }

// The inside of a string: ' is doubled.
int Quote(uint32_t, signet_text option, signet_text text,
          void (*add)(void* context, signet_text piece), void* context) noexcept {
  if (option.size != 0) return 0;
  std::string_view rest = View(text);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\'');
    const std::size_t taken = end == std::string_view::npos ? rest.size() : end + 1;
    add(context, Text(rest.substr(0, taken)));
    if (end != std::string_view::npos) add(context, Text("'"));
    rest.remove_prefix(taken);
  }
  return 1;
}

// clang-format off
const signet_option kOptions[] = {
    {SIGNET_TEXT("sqlite_dbfile"), SIGNET_OPTION_TEXT, 0, {}, {},
     SIGNET_TEXT("the database of `sqlite` lookups that name none")},
    {SIGNET_TEXT("sqlite_lock_timeout"), SIGNET_OPTION_TIME, 0, {}, SIGNET_TEXT("5s"),
     SIGNET_TEXT("how long a `sqlite` lookup waits for a database that is locked")},
};
const signet_lookup_type kTypes[] = {
    {SIGNET_TEXT("sqlite"), SIGNET_LOOKUP_ABSOLUTE_FILE | SIGNET_LOOKUP_FIRST_WORD,
     SIGNET_QUOTE_OWN | SIGNET_QUOTE_IN_STRING,
     SIGNET_TEXT("rows of a database in a file, by statements of SQL"), SIGNET_TEXT("file=")},
};
// clang-format on

constexpr signet_lookup_driver MakeDriver() {
  signet_lookup_driver driver = signet::driver::LookupDriver("sqlite", kTypes, Find);
  driver.main_options = kOptions;
  driver.main_option_count = sizeof kOptions / sizeof kOptions[0];
  driver.main_option_size = sizeof kOptions[0];
  driver.open = Open;
  driver.close = Close;
  driver.quote = Quote;
  return driver;
}
const signet_lookup_driver kDriver = MakeDriver();
const signet_lookup_driver* const kLookups[] = {&kDriver};
const signet_module kModule = signet::driver::LookupModule("sqlite", kLookups);

}  // namespace

SIGNET_DRIVER_ENTRY(sqlite) { return &kModule; }
