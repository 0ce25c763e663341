#include "drivers/host/registry.h"

#include <signet/driver.h>
#include <stddef.h>
#include <string.h>

#include <algorithm>
#include <set>

#include "drivers/host/builtin.h"
#include "drivers/host/host_api.h"
#include "drivers/host/loader.h"

namespace signet::drivers {

struct Registry::Owned {
  std::vector<std::unique_ptr<signet_auth_driver>> auths;
  std::vector<std::unique_ptr<signet_lookup_driver>> lookups;
  // Driver tables that were added, by where they are in memory, so that types of one
  // driver share one completed table.
  std::set<std::string> paths;
  std::vector<void*> handles;
};

namespace {

using Added = Result<std::string, std::string>;

// The first three members of every table. They are where they are in version 1 and will
// be in all others, so a table of any version can be asked for its version.
template <typename T>
std::string CheckHead(const T* table, std::string_view what) {
  if (table == nullptr) return std::string(what) + ": no table";
  if (table->abi_version != SIGNET_ABI_VERSION)
    return std::string(what) + ": made for driver ABI version " +
           std::to_string(table->abi_version) + ", this program has version " +
           std::to_string(SIGNET_ABI_VERSION);
  return "";
}

// Copies a table of a newer or older host's size into one of ours; what it lacks is zero.
template <typename T>
T Complete(const T* table) {
  T whole{};
  memcpy(&whole, table, std::min(table->size, sizeof(T)));
  return whole;
}

std::string CheckSize(std::size_t size, std::size_t least, std::string_view what) {
  if (size >= least) return "";
  return std::string(what) + ": its table has " + std::to_string(size) + " octets, at least " +
         std::to_string(least) + " are needed";
}

bool GoodName(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

std::string Copy(signet_text text) { return std::string(View(text)); }

Result<OptionKind, std::string> KindOf(std::uint32_t kind) {
  switch (kind) {
    case SIGNET_OPTION_TEXT:
      return OptionKind::kText;
    case SIGNET_OPTION_EXPANDED:
      return OptionKind::kExpanded;
    case SIGNET_OPTION_NUMBER:
      return OptionKind::kNumber;
    case SIGNET_OPTION_BOOLEAN:
      return OptionKind::kBoolean;
    case SIGNET_OPTION_TIME:
      return OptionKind::kTimeMs;
    case SIGNET_OPTION_SECRET:
      return OptionKind::kSecret;
    default:
      return Err{"unknown kind " + std::to_string(kind)};
  }
}

using Rows = std::vector<OptionRow>;

Result<OptionRow, std::string> CopyRow(const signet_option& row) {
  OptionRow copy;
  copy.name = Copy(row.name);
  if (!GoodName(copy.name)) return Err{std::string("an option without a proper name")};
  auto kind = KindOf(row.kind);
  if (!kind) return Err{"option \"" + copy.name + "\": " + kind.error()};
  copy.kind = kind.value();
  copy.alias_of = Copy(row.alias_of);
  copy.default_text = Copy(row.default_text);
  copy.manual = Copy(row.manual);
  copy.weak_values = Copy(row.weak_values);
  copy.weakens = Copy(row.weakens);
  return copy;
}

std::string CheckRows(const Rows& rows) {
  const auto find = [&](std::string_view name) {
    return std::find_if(rows.begin(), rows.end(),
                        [&](const OptionRow& row) { return row.name == name; });
  };
  for (auto row = rows.begin(); row != rows.end(); ++row) {
    if (find(row->name) != row) return "option \"" + row->name + "\" appears twice";
    if (row->alias_of.empty()) continue;
    const auto target = find(row->alias_of);
    if (target == rows.end() || !target->alias_of.empty() || target->kind != row->kind)
      return "option \"" + row->name + "\" cannot be an alias of \"" + row->alias_of + "\"";
  }
  return "";
}

// What an option of a driver of the first version has.
constexpr std::size_t kLeastOptionSize = offsetof(signet_option, weak_values);

// `stride` is the size of a row as the driver knows it.
Result<Rows, std::string> CopyRows(const signet_option* first, std::size_t count,
                                   std::size_t stride) {
  Rows rows;
  if (count == 0) return rows;
  if (first == nullptr || stride < kLeastOptionSize)
    return Err{std::string("its option rows have ") + std::to_string(stride) +
               " octets, at least " + std::to_string(kLeastOptionSize) + " are needed"};
  for (std::size_t i = 0; i < count; ++i) {
    signet_option row{};
    memcpy(&row, reinterpret_cast<const char*>(first) + i * stride, std::min(stride, sizeof row));
    auto copy = CopyRow(row);
    if (!copy) return Err{std::move(copy).error()};
    rows.push_back(std::move(copy).value());
  }
  if (std::string why = CheckRows(rows); !why.empty()) return Err{std::move(why)};
  return rows;
}

std::string CheckAuth(const signet_auth_driver& driver) {
  if ((driver.flags & SIGNET_AUTH_AFTER_TLS) != 0 && driver.authenticate == nullptr)
    return "runs after TLS but has no `authenticate`";
  if ((driver.flags & SIGNET_AUTH_ADVERTISED) != 0 && driver.step == nullptr)
    return "is advertised but has no `step`";
  if ((driver.flags & (SIGNET_AUTH_AFTER_TLS | SIGNET_AUTH_ADVERTISED)) == 0)
    return "has no flag that says when it runs";
  return "";
}

// `own` is what marks the results of the driver's own quoting.
std::vector<Quote> QuotesOf(std::uint32_t accepts, Quote own) {
  std::vector<Quote> quotes;
  if ((accepts & SIGNET_QUOTE_LDAP_FILTER) != 0) quotes.push_back(Quote::kLdapFilter);
  if ((accepts & SIGNET_QUOTE_LDAP_DN) != 0) quotes.push_back(Quote::kLdapDn);
  if ((accepts & SIGNET_QUOTE_OWN) != 0) quotes.push_back(own);
  return quotes;
}

Err<std::string> Refuse(std::string_view kind, std::string_view name, std::string_view why) {
  return Err{std::string(kind) + " driver \"" + std::string(name) + "\": " + std::string(why)};
}

}  // namespace

Registry::Registry() : owned_(std::make_unique<Owned>()) {}

// Shared objects stay loaded: tables and code of theirs may outlive the registry.
Registry::~Registry() = default;

std::unique_ptr<Registry> Registry::MakeEmpty() { return std::unique_ptr<Registry>(new Registry); }

std::unique_ptr<Registry> Registry::MakeBuiltin() {
  auto registry = MakeEmpty();
  for (const signet_module* module : BuiltinModules()) {
    const Added added = registry->AddModule(module);
    if (!added) std::fprintf(stderr, "built-in module: %s\n", added.error().c_str());
    SIGNET_CHECK(added.ok());
  }
  return registry;
}

namespace {
// What a driver of the first version has.
constexpr std::size_t kLeastAuthSize = offsetof(signet_auth_driver, needs);
}  // namespace

Added Registry::Add(const signet_auth_driver* driver) {
  if (std::string why = CheckHead(driver, "authenticator driver"); !why.empty()) return Err{why};
  if (std::string why = CheckSize(driver->size, kLeastAuthSize, "authenticator driver");
      !why.empty())
    return Err{why};
  auto table = std::make_unique<signet_auth_driver>(Complete(driver));
  auto entry = std::make_unique<AuthDriver>();
  entry->name = Copy(table->name);
  if (!GoodName(entry->name)) return Refuse("authenticator", entry->name, "not a proper name");
  if (FindAuth(entry->name) != nullptr)
    return Refuse("authenticator", entry->name, "the name is taken");
  if (std::string why = CheckAuth(*table); !why.empty())
    return Refuse("authenticator", entry->name, why);
  auto rows = CopyRows(table->options, table->option_count, table->option_size);
  if (!rows) return Refuse("authenticator", entry->name, rows.error());
  entry->options = std::move(rows).value();
  entry->after_tls = (table->flags & SIGNET_AUTH_AFTER_TLS) != 0;
  entry->advertised = (table->flags & SIGNET_AUTH_ADVERTISED) != 0;
  entry->single = (table->flags & SIGNET_AUTH_SINGLE) != 0;
  entry->initial = (table->flags & SIGNET_AUTH_NO_INITIAL) == 0;
  entry->needs = Copy(table->needs);
  entry->abi = table.get();
  owned_->auths.push_back(std::move(table));
  auths_.push_back(std::move(entry));
  return auths_.back()->name;
}

namespace {

// What a row of a driver of the first version has.
// What the first version had; what came later is zero where a driver is older.
constexpr std::size_t kLeastLookupSize = offsetof(signet_lookup_driver, rate);
constexpr std::size_t kLeastTypeSize = offsetof(signet_lookup_type, options);

// ${quote_NAME:…} by the driver's function.
bool QuoteBy(const signet_lookup_driver& driver, std::uint32_t index, std::string_view option,
             std::string_view text, std::string* quoted) {
  const auto add = [](void* context, signet_text piece) noexcept {
    static_cast<std::string*>(context)->append(View(piece));
  };
  return driver.quote(index, Borrow(option), Borrow(text), add, quoted) != 0;
}

// One row of a driver's `types` → what the rest of the program sees of it.
Result<std::unique_ptr<LookupDriver>, std::string> MakeType(const signet_lookup_driver& driver,
                                                            std::uint32_t index, Quote own) {
  signet_lookup_type type{};
  memcpy(&type, reinterpret_cast<const char*>(driver.types) + index * driver.type_size,
         std::min(driver.type_size, sizeof type));
  auto entry = std::make_unique<LookupDriver>();
  entry->name = Copy(type.name);
  if (!GoodName(entry->name)) return Err{std::string("a type without a proper name")};
  if ((type.accepts & SIGNET_QUOTE_OWN) != 0 && driver.quote == nullptr)
    return Err{"type \"" + entry->name + "\" has no `quote`"};
  if ((type.flags & SIGNET_LOOKUP_CREDENTIALS) != 0 && driver.authenticate == nullptr)
    return Err{"type \"" + entry->name + "\" tests credentials but has no `authenticate`"};
  entry->abi = &driver;
  entry->type_index = index;
  entry->blocking = (type.flags & SIGNET_LOOKUP_BLOCKING) != 0;
  entry->kept = (type.flags & SIGNET_LOOKUP_NOT_KEPT) == 0;
  entry->type.name = entry->name;
  entry->type.single_key = (type.flags & SIGNET_LOOKUP_SINGLE_KEY) != 0;
  entry->type.absolute_file = (type.flags & SIGNET_LOOKUP_ABSOLUTE_FILE) != 0;
  entry->type.first_word = (type.flags & SIGNET_LOOKUP_FIRST_WORD) != 0;
  entry->type.file_names = (type.flags & SIGNET_LOOKUP_FILE_NAMES) != 0;
  entry->type.list_key = (type.flags & SIGNET_LOOKUP_LIST_KEY) != 0;
  entry->type.accepts = QuotesOf(type.accepts, own);
  entry->type.in_string = (type.accepts & SIGNET_QUOTE_IN_STRING) != 0;
  entry->type.any_text = (type.accepts & SIGNET_QUOTE_NOT_NEEDED) != 0;
  entry->type.rates = driver.rate != nullptr;
  entry->type.credentials = (type.flags & SIGNET_LOOKUP_CREDENTIALS) != 0;
  if (type.options.data != nullptr) entry->type.options = Copy(type.options);
  if (type.outsiders.data != nullptr) entry->type.outsiders = Copy(type.outsiders);
  if ((type.accepts & SIGNET_QUOTE_OWN) != 0)
    entry->type.quote = [&driver, index](std::string_view option, std::string_view text,
                                         std::string* quoted) {
      return QuoteBy(driver, index, option, text, quoted);
    };
  return entry;
}

}  // namespace

Added Registry::Add(const signet_lookup_driver* driver) {
  if (std::string why = CheckHead(driver, "lookup driver"); !why.empty()) return Err{why};
  if (std::string why = CheckSize(driver->size, kLeastLookupSize, "lookup driver"); !why.empty())
    return Err{why};
  auto table = std::make_unique<signet_lookup_driver>(Complete(driver));
  const std::string name = Copy(table->name);
  if (table->find == nullptr) return Refuse("lookup", name, "has no `find`");
  if (table->types == nullptr || table->type_count == 0 || table->type_size < kLeastTypeSize)
    return Refuse("lookup", name, "has no table of types");
  auto rows = CopyRows(table->main_options, table->main_option_count, table->main_option_size);
  if (!rows) return Refuse("lookup", name, rows.error());
  // Each driver's quoting is fit for its own types only.
  constexpr std::size_t kFirst = static_cast<std::size_t>(Quote::kFirstOfDrivers);
  const std::size_t own = kFirst + owned_->lookups.size();
  if (own > UINT8_MAX) return Refuse("lookup", name, "there are too many lookup drivers");
  std::vector<std::unique_ptr<LookupDriver>> entries;
  for (std::uint32_t i = 0; i < table->type_count; ++i) {
    auto entry = MakeType(*table, i, static_cast<Quote>(own));
    if (!entry) return Refuse("lookup", name, entry.error());
    for (const auto& earlier : entries)
      if (earlier->name == entry.value()->name)
        return Refuse("lookup", name, "type \"" + earlier->name + "\" appears twice");
    if (FindLookup(entry.value()->name) != nullptr)
      return Refuse("lookup", name, "the name \"" + entry.value()->name + "\" is taken");
    entry.value()->type.handle = static_cast<int>(lookups_.size() + i);
    entries.push_back(std::move(entry).value());
  }
  entries.front()->main_options = std::move(rows).value();
  for (auto& entry : entries) lookups_.push_back(std::move(entry));
  owned_->lookups.push_back(std::move(table));
  return name;
}

Added Registry::AddModule(const signet_module* module) {
  if (std::string why = CheckHead(module, "module"); !why.empty()) return Err{why};
  if (std::string why = CheckSize(module->size, sizeof *module, "module"); !why.empty())
    return Err{why};
  const std::size_t auths = auths_.size(), lookups = lookups_.size();
  const auto undo = [&](const Added& failed) -> Added {
    auths_.resize(auths);
    lookups_.resize(lookups);
    return Err{"module \"" + Copy(module->name) + "\": " + failed.error()};
  };
  for (std::size_t i = 0; i < module->auth_count; ++i)
    if (Added added = Add(module->auths[i]); !added) return undo(added);
  for (std::size_t i = 0; i < module->lookup_count; ++i)
    if (Added added = Add(module->lookups[i]); !added) return undo(added);
  return Copy(module->name);
}

Added Registry::Load(const std::string& path) {
  if (owned_->paths.count(path) != 0) return path;
  auto opened = OpenModule(path);
  if (!opened) return Err{std::move(opened).error()};
  Added added = AddModule(opened.value().module);
  if (!added) return Err{path + ": " + added.error()};
  owned_->handles.push_back(opened.value().handle);
  owned_->paths.insert(path);
  return added;
}

const AuthDriver* Registry::FindAuth(std::string_view name) const {
  for (const auto& driver : auths_)
    if (driver->name == name) return driver.get();
  return nullptr;
}

const LookupDriver* Registry::FindLookup(std::string_view name) const {
  for (const auto& driver : lookups_)
    if (driver->name == name) return driver.get();
  return nullptr;
}

}  // namespace signet::drivers
