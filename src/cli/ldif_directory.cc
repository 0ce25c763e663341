#include "src/cli/ldif_directory.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "src/base/codec.h"
#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/ldif_ber.h"
#include "src/crypto/digest.h"
#include "src/crypto/password.h"

namespace signet::cli {
namespace {

constexpr std::size_t kRequestMaxBytes = 1024 * 1024;
// The type whose driver speaks LDAP; the others of that driver come with it.
constexpr std::string_view kLookupType = "ldap";

// RFC 4511.
enum Tag : unsigned {
  kInteger = 0x02,
  kOctets = 0x04,
  kEnumerated = 0x0a,
  kSequence = 0x30,
  kSet = 0x31,
  kBindRequest = 0x60,
  kBindResponse = 0x61,
  kUnbindRequest = 0x42,
  kAbandonRequest = 0x50,
  kSearchRequest = 0x63,
  kSearchEntry = 0x64,
  kSearchDone = 0x65,
  kSearchReference = 0x73,
  kExtendedRequest = 0x77,
  kExtendedResponse = 0x78,
  kSimple = 0x80,
  kReferral = 0xa3,
};
enum Code : std::uint8_t {
  kSuccess = 0,
  kProtocolError = 2,
  kSizeLimit = 4,
  kAuthMethod = 7,
  kReferred = 10,
  kNoSuchObject = 32,
  kInvalidDn = 34,
  kInvalidCredentials = 49,
  kUnwilling = 53,
};
enum Scope : std::int64_t { kBase = 0, kOne = 1, kSub = 2 };

constexpr std::string_view kStartTls = "1.3.6.1.4.1.1466.20037";

std::string Message(std::int64_t id, const std::string& operation) {
  return Ber(kSequence, BerInteger(kInteger, id) + operation);
}

std::string Urls(unsigned tag, const std::vector<std::string>& urls) {
  std::string all;
  for (const std::string& url : urls) all += Ber(kOctets, url);
  return Ber(tag, all);
}

std::string ResultOf(std::int64_t id, unsigned tag, Code code, std::string_view matched = "",
                     std::string_view text = "", const std::vector<std::string>& urls = {}) {
  std::string body = BerInteger(kEnumerated, code) + Ber(kOctets, matched) + Ber(kOctets, text);
  if (!urls.empty()) body += Urls(kReferral, urls);
  return Message(id, Ber(tag, body));
}

// What stands above a normalized name; "" above the topmost.
std::string Above(const std::string& key) {
  const std::size_t comma = key.find(',');
  return comma == key.npos ? "" : key.substr(comma + 1);
}

// --- passwords -------------------------------------------------------------------------------

struct Scheme {
  std::string_view name;
  std::string (*digest)(std::string_view octets);
  std::size_t bytes;
};
constexpr Scheme kSchemes[] = {
    {"{ssha}", &crypto::Sha1, 20},      {"{sha}", &crypto::Sha1, 20},
    {"{smd5}", &crypto::Md5, 16},       {"{md5}", &crypto::Md5, 16},
    {"{ssha256}", &crypto::Sha256, 32}, {"{sha256}", &crypto::Sha256, 32},
    {"{ssha512}", &crypto::Sha512, 64}, {"{sha512}", &crypto::Sha512, 64},
};

bool IsPassword(std::string_view password, const std::string& stored) {
  const std::size_t close = stored.starts_with('{') ? stored.find('}') : stored.npos;
  if (close == stored.npos) return password == stored;
  const std::string name = Lower(stored.substr(0, close + 1));
  const std::string rest = stored.substr(close + 1);
  if (name == "{crypt}") {
    int error = 0;
    crypto::PasswordMatch match = crypto::PasswordMatch::kError;
    engine::BlockingForAnswer([&] { match = crypto::CheckPassword(password, stored, &error); });
    return match == crypto::PasswordMatch::kYes;
  }
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name != name) continue;
    const auto octets = DecodeBase64(rest);
    if (!octets || octets->size() < scheme.bytes) return false;
    const std::string salt = octets->substr(scheme.bytes);
    return scheme.digest(std::string(password) + salt) == octets->substr(0, scheme.bytes);
  }
  return false;
}

const LdifValues* FindValues(const std::vector<LdifValues>& attributes, std::string_view type) {
  for (const LdifValues& values : attributes)
    if (values.type == type) return &values;
  return nullptr;
}

std::vector<std::string> OptionsOf(std::string_view description) {
  std::vector<std::string> options;
  for (std::size_t at = description.find(';'); at != description.npos;) {
    const std::size_t end = std::min(description.find(';', at + 1), description.size());
    options.push_back(Lower(description.substr(at + 1, end - at - 1)));
    at = end == description.size() ? description.npos : end;
  }
  return options;
}

// Which attributes a search wants.
class Selection {
 public:
  void Add(std::string_view description) {
    if (description == "*")
      all_ = true;
    else if (description == "+")
      operational_ = true;
    else if (description != "1.1")
      wanted_.push_back({LdifType(description), OptionsOf(description)});
    named_ = true;
  }
  bool Has(const LdifValues& values) const {
    const bool operational = LdifIsOperational(values.type);
    if (operational ? operational_ : all_ || !named_) return true;
    return std::any_of(wanted_.begin(), wanted_.end(), [&](const Wanted& wanted) {
      return LdifIsKindOf(values.type, wanted.type) &&
             std::all_of(wanted.options.begin(), wanted.options.end(), [&](const auto& option) {
               return std::find(values.options.begin(), values.options.end(), option) !=
                      values.options.end();
             });
    });
  }

 private:
  struct Wanted {
    std::string type;
    std::vector<std::string> options;
  };
  bool named_ = false, all_ = false, operational_ = false;
  std::vector<Wanted> wanted_;
};

// --- the other end of a connection -------------------------------------------------------------

// The whole messages at the front of `octets`; false where they are no LDAP.
bool TakeMessages(std::string* octets, std::vector<std::string>* messages) {
  while (true) {
    const auto size = BerSize(*octets, kRequestMaxBytes);
    if (!size || (!octets->empty() && (*octets)[0] != kSequence)) return false;
    if (*size == 0) return true;
    messages->push_back(octets->substr(0, *size));
    octets->erase(0, *size);
  }
}

void Serve(LdifDirectory& directory, engine::Socket socket) {
  std::string waiting;
  std::vector<char> part(16 * 1024);
  while (true) {
    const engine::IoResult read = socket.Read(part.data(), part.size(), Deadline::Never());
    if (!read.ok()) return;
    waiting.append(part.data(), read.bytes);
    std::vector<std::string> requests;
    if (!TakeMessages(&waiting, &requests)) return;
    for (const std::string& request : requests) {
      const std::optional<std::string> answer = directory.Respond(request);
      if (!answer || !socket.Write(*answer, Deadline::Never()).ok()) return;
    }
  }
}

}  // namespace

struct LdifDirectory::Search {
  std::string base;  // normalized
  std::int64_t scope = kBase, size_limit = 0;
  bool types_only = false;
  LdifFilter filter;
  Selection selection;
};

// --- loading -----------------------------------------------------------------------------------

Result<std::shared_ptr<LdifDirectory>, std::string> LdifDirectory::Load(const std::string& file) {
  const auto text = ReadRegularFile(file, limits::kLookupFileMaxBytes);
  if (!text) return Err{"cannot read \"" + Printable(file) + "\": " + text.error()};
  auto parsed = Parse(text.value());
  if (!parsed) return Err{Printable(file) + ':' + parsed.error()};
  return parsed;
}

Result<std::shared_ptr<LdifDirectory>, std::string> LdifDirectory::Parse(std::string_view text) {
  const auto read = ParseLdif(text);
  if (!read) return Err{read.error()};
  auto directory = std::make_shared<LdifDirectory>();
  for (const LdifEntry& entry : read.value()) {
    auto added = directory->Add(entry);
    if (!added) return Err{std::to_string(entry.line) + ": " + added.error()};
  }
  if (directory->entries_.empty()) return Err{std::string("1: there is no entry in it")};
  return directory;
}

Result<bool, std::string> LdifDirectory::Add(const LdifEntry& read) {
  const auto name = LdifName::Parse(read.dn);
  if (!name) return Err{'"' + Printable(read.dn) + "\" is not a distinguished name"};
  Entry entry;
  entry.dn = name->Pretty();
  entry.key = name->Normalized();
  bool refers = false;
  for (const LdifEntry::Attribute& attribute : read.attributes) {
    LdifValues values;
    values.type = LdifType(attribute.name);
    values.options = OptionsOf(attribute.name);
    values.syntax = LdifSyntaxOf(values.type);
    const std::size_t semicolon = std::min(attribute.name.find(';'), attribute.name.size());
    const auto spelling = LdifSpelling(values.type);
    values.name = std::string(spelling ? *spelling : attribute.name.substr(0, semicolon)) +
                  attribute.name.substr(semicolon);
    values.values = attribute.values;
    for (const std::string& value : attribute.values)
      values.normalized.push_back(LdifNormalized(values.syntax, value).value_or(value));
    if (values.syntax == LdifSyntax::kObjectClass)
      refers = std::find(values.normalized.begin(), values.normalized.end(), "referral") !=
               values.normalized.end();
    entry.attributes.push_back(std::move(values));
  }
  if (refers)
    if (const LdifValues* urls = FindValues(entry.attributes, "ref"))
      entry.references = urls->values;
  if (!by_key_.emplace(entry.key, entries_.size()).second)
    return Err{'"' + Printable(read.dn) + "\" is there twice"};
  for (std::string above = Above(entry.key); !above.empty(); above = Above(above)) above_[above];
  entries_.push_back(std::move(entry));
  return true;
}

void LdifDirectory::Answer(std::shared_ptr<LdifDirectory> directory, lookup::Worker& lookups) {
  const bool known = lookups.ConnectBy(kLookupType, [directory = std::move(directory)] {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return engine::Socket();
    engine::Socket ours(ends[0]);
    auto theirs = std::make_shared<engine::Socket>(ends[1]);
    const bool serves = engine::Loop::Current()->Spawn(
        [directory, theirs] { Serve(*directory, std::move(*theirs)); });
    return serves ? std::move(ours) : engine::Socket();
  });
  SIGNET_CHECK(known);
}

// --- requests ------------------------------------------------------------------------------------

std::optional<std::string> LdifDirectory::Respond(std::string_view request) {
  BerReader outer(request);
  const auto message = outer.Next(kSequence);
  if (!message) return std::nullopt;
  BerReader reader(message->body);
  const auto number = reader.Next(kInteger);
  const auto operation = reader.Next();
  if (!number || !operation) return std::nullopt;
  const std::int64_t id = number->Integer();
  switch (operation->tag) {
    case kBindRequest:
      return Bind(operation->body, id);
    case kSearchRequest:
      return DoSearch(operation->body, id);
    case kExtendedRequest: {
      BerReader parts(operation->body);
      const auto name = parts.Next(kSimple);
      const bool tls = name && name->body == kStartTls;
      return ResultOf(id, kExtendedResponse, tls ? kSuccess : kProtocolError);
    }
    case kAbandonRequest:  // everything was answered at once
      return "";
    case kUnbindRequest:
    default:
      return std::nullopt;
  }
}

std::string LdifDirectory::Bind(std::string_view body, std::int64_t id) const {
  const auto answer = [id](Code code, std::string_view text = "") {
    return ResultOf(id, kBindResponse, code, "", text);
  };
  BerReader reader(body);
  const auto version = reader.Next(kInteger);
  const auto name = reader.Next(kOctets);
  const auto proof = reader.Next();
  if (!version || !name || !proof) return answer(kProtocolError);
  if (version->Integer() != 3) return answer(kProtocolError, "version 3 is wanted");
  if (proof->tag != kSimple) return answer(kAuthMethod, "only simple binds");
  const auto dn = LdifName::Parse(name->body);
  if (!dn) return answer(kInvalidDn, "invalid DN");
  if (dn->parts.empty()) return answer(kSuccess);
  if (proof->body.empty())
    return answer(kUnwilling, "unauthenticated bind (DN with no password) disallowed");
  const auto found = by_key_.find(dn->Normalized());
  if (found == by_key_.end()) return answer(kInvalidCredentials);
  const LdifValues* passwords = FindValues(entries_[found->second].attributes, "userpassword");
  if (passwords == nullptr) return answer(kInvalidCredentials);
  const bool good =
      std::any_of(passwords->values.begin(), passwords->values.end(),
                  [&](const std::string& stored) { return IsPassword(proof->body, stored); });
  return answer(good ? kSuccess : kInvalidCredentials);
}

std::string LdifDirectory::DoSearch(std::string_view body, std::int64_t id) {
  const auto done = [id](Code code, std::string_view matched = "", std::string_view text = "",
                         const std::vector<std::string>& urls = {}) {
    return ResultOf(id, kSearchDone, code, matched, text, urls);
  };
  BerReader reader(body);
  const auto base = reader.Next(kOctets);
  const auto scope = reader.Next(kEnumerated);
  const auto dereference = reader.Next(kEnumerated);
  const auto size_limit = reader.Next(kInteger);
  const auto time_limit = reader.Next(kInteger);
  const auto types_only = reader.Next();
  if (!base || !scope || !dereference || !size_limit || !time_limit || !types_only)
    return done(kProtocolError);
  const auto filter = reader.Next();
  const auto attributes = reader.Next(kSequence);
  if (!filter || !attributes) return done(kProtocolError);

  const auto name = LdifName::Parse(base->body);
  if (!name) return done(kInvalidDn, "", "invalid DN");
  auto read = LdifFilter::Read(Ber(filter->tag, filter->body));
  if (!read) return done(kProtocolError, "", "not a filter");
  if (const std::string why = read->Unsupported(); !why.empty())
    return done(kUnwilling, "", "an LDIF file cannot answer " + why);
  Search search{name->Normalized(),         scope->Integer(), size_limit->Integer(),
                types_only->Integer() != 0, *std::move(read), {}};
  BerReader each(attributes->body);
  while (!each.empty()) {
    const auto attribute = each.Next(kOctets);
    if (!attribute) return done(kProtocolError);
    search.selection.Add(attribute->body);
  }

  // The root entry of a server, which says nothing here.
  if (search.base.empty() && search.scope == kBase)
    return Message(id, Ber(kSearchEntry, Ber(kOctets, "") + Ber(kSequence, ""))) + done(kSuccess);
  if (const auto found = by_key_.find(search.base); found != by_key_.end()) {
    const Entry& entry = entries_[found->second];
    if (!entry.references.empty()) return done(kReferred, entry.dn, "", entry.references);
  } else if (!Exists(search.base)) {
    return done(kNoSuchObject, NearestAbove(search.base));
  }
  return SendFound(search, Find(search), id);
}

bool LdifDirectory::Exists(const std::string& key) const {
  return !key.empty() && (by_key_.contains(key) || above_.contains(key));
}

std::string LdifDirectory::NearestAbove(std::string key) const {
  for (key = Above(key); !key.empty(); key = Above(key))
    if (const auto found = by_key_.find(key); found != by_key_.end())
      return entries_[found->second].dn;
  return "";
}

// Those that can meet the filter: by an index where it has an equality.
std::vector<const LdifDirectory::Entry*> LdifDirectory::Candidates(const Search& search) {
  std::vector<const Entry*> found;
  if (search.scope == kBase) {
    if (const auto entry = by_key_.find(search.base); entry != by_key_.end())
      found.push_back(&entries_[entry->second]);
    return found;
  }
  const LdifFilter* equality = search.filter.FindEquality();
  if (equality == nullptr) {
    for (const Entry& entry : entries_) found.push_back(&entry);
    return found;
  }
  auto index = index_.find(equality->type());
  if (index == index_.end()) {
    index =
        index_.emplace(equality->type(), std::unordered_multimap<std::string, std::size_t>()).first;
    for (std::size_t i = 0; i < entries_.size(); ++i)
      for (const LdifValues& values : entries_[i].attributes)
        if (values.type == equality->type())
          for (const std::string& value : values.normalized) index->second.emplace(value, i);
  }
  std::vector<std::size_t> numbers;
  const auto [begin, end] = index->second.equal_range(equality->value());
  for (auto it = begin; it != end; ++it) numbers.push_back(it->second);
  for (const Entry& entry : entries_)  // sent in any case
    if (!entry.references.empty())
      numbers.push_back(static_cast<std::size_t>(&entry - entries_.data()));
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  for (const std::size_t i : numbers) found.push_back(&entries_[i]);
  return found;
}

std::vector<const LdifDirectory::Entry*> LdifDirectory::Find(const Search& search) {
  std::vector<const Entry*> found;
  const std::string below = ',' + search.base;
  for (const Entry* entry : Candidates(search)) {
    const bool in_scope = search.scope == kBase ? entry->key == search.base
                          : search.scope == kOne
                              ? Above(entry->key) == search.base
                              : entry->key == search.base || entry->key.ends_with(below);
    if (!in_scope) continue;
    const bool matches = !entry->references.empty() ||
                         search.filter.Matches(entry->attributes) == LdifFilter::Match::kTrue;
    if (matches) found.push_back(entry);
  }
  return found;
}

std::string LdifDirectory::SendFound(const Search& search, const std::vector<const Entry*>& found,
                                     std::int64_t id) const {
  std::string out;
  std::int64_t sent = 0;
  for (const Entry* entry : found) {
    if (!entry->references.empty()) {
      out += Message(id, Urls(kSearchReference, entry->references));
      continue;
    }
    if (search.size_limit > 0 && sent == search.size_limit)
      return out + ResultOf(id, kSearchDone, kSizeLimit);
    ++sent;
    std::string attributes;
    for (const LdifValues& values : entry->attributes) {
      if (!search.selection.Has(values)) continue;
      std::string all;
      if (!search.types_only)
        for (const std::string& value : values.values) all += Ber(kOctets, value);
      attributes += Ber(kSequence, Ber(kOctets, values.name) + Ber(kSet, all));
    }
    out += Message(id, Ber(kSearchEntry, Ber(kOctets, entry->dn) + Ber(kSequence, attributes)));
  }
  return out + ResultOf(id, kSearchDone, kSuccess);
}

}  // namespace signet::cli
