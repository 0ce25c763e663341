#ifndef SIGNET_SRC_CLI_LDIF_DIRECTORY_H_
#define SIGNET_SRC_CLI_LDIF_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/base/result.h"
#include "src/cli/ldif.h"
#include "src/cli/ldif_filter.h"
#include "src/engine/engine.h"
#include "src/lookup/lookup.h"

namespace signet::cli {

// LdifDirectory is a directory in a file, for offline tools. The driver of the directory's
// lookups talks to it as to a server, whatever servers the configuration names: it searches
// and binds over a connection that does not leave the process. How to use it:
//
//   auto directory = LdifDirectory::Load(file);
//   if (!directory) …directory.error()…
//   LdifDirectory::Answer(directory.value(), lookups);   // a lookup::Worker, before its first
//   lookup
//
// What it does as OpenLDAP does: searches of base, one level and subtree; all filters but
// those by matching rules that it does not know (they are refused, and so deferred), ~= as =;
// selection of attributes; size limits; referrals in entries; simple binds, with passwords in clear
// or as {SSHA}, {SHA}, {SMD5}, {MD5}, {CRYPT}, {SSHA256}, {SSHA512}. What it does otherwise, having
// no schema: attributes that it does not know are texts whose case does not matter, no attribute is
// unknown, what stands above an entry of the file is there, and everybody may read everything.
//
//   Threads   one: that of the loop it is used on.
//   Security  the file is the administrator's; a password in it is compared and never shown.
class LdifDirectory {
 public:
  // Errors  with the file's name and the line: `people.ldif:17: a value is not base64`.
  static Result<std::shared_ptr<LdifDirectory>, std::string> Load(const std::string& file);
  // The same of a text; errors have no file's name.
  static Result<std::shared_ptr<LdifDirectory>, std::string> Parse(std::string_view text);

  // From now on the directory answers the LDAP lookups of that worker.
  static void Answer(std::shared_ptr<LdifDirectory> directory, lookup::Worker& lookups);

  std::size_t entries() const { return entries_.size(); }
  // What is sent for one request; both are whole LDAP messages, the answer any number of
  // them. nullopt: the connection ends.
  std::optional<std::string> Respond(std::string_view request);

 private:
  struct Entry {
    std::string dn, key;  // as it is answered; normalized
    std::vector<LdifValues> attributes;
    std::vector<std::string> references;  // of a referral entry
  };
  struct Search;

  Result<bool, std::string> Add(const LdifEntry& read);
  std::string Bind(std::string_view body, std::int64_t id) const;
  std::string DoSearch(std::string_view body, std::int64_t id);
  std::string SendFound(const Search& search, const std::vector<const Entry*>& found,
                        std::int64_t id) const;
  std::vector<const Entry*> Find(const Search& search);
  std::vector<const Entry*> Candidates(const Search& search);
  bool Exists(const std::string& key) const;
  std::string NearestAbove(std::string key) const;

  std::vector<Entry> entries_;                           // as in the file
  std::unordered_map<std::string, std::size_t> by_key_;  // entries, and …
  std::unordered_map<std::string, bool> above_;          // … what is above them
  std::map<std::string, std::unordered_multimap<std::string, std::size_t>> index_;  // by type
};

}  // namespace signet::cli
#endif
