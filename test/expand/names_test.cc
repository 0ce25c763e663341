#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "expand/expand.h"
#include "expand/table.h"

// Every name of the language has a row, or a reason why it has none.
namespace signet::expand {
namespace {

constexpr std::string_view kItemNames[] = {
    "acl",       "authresults", "certextract", "dlfunc", "env",        "extract",
    "filter",    "hash",        "hmac",        "if",     "length",     "listextract",
    "listquote", "lookup",      "map",         "nhash",  "imapfolder", "perl",
    "prvs",      "prvscheck",   "readfile",    "reduce", "readsocket", "run",
    "sg",        "sort",        "srs_encode",  "substr", "tr"};

constexpr std::string_view kOperatorNames[] = {"address",
                                               "addresses",
                                               "base32",
                                               "base32d",
                                               "base62",
                                               "base62d",
                                               "base64",
                                               "base64d",
                                               "domain",
                                               "escape",
                                               "escape8bit",
                                               "eval",
                                               "eval10",
                                               "expand",
                                               "from_utf8",
                                               "h",
                                               "hash",
                                               "headerwrap",
                                               "hex2b64",
                                               "hexquote",
                                               "ipv6denorm",
                                               "ipv6norm",
                                               "l",
                                               "lc",
                                               "length",
                                               "listcount",
                                               "listnamed",
                                               "local_part",
                                               "mask",
                                               "md5",
                                               "nh",
                                               "nhash",
                                               "quote",
                                               "quote_local_part",
                                               "randint",
                                               "reverse_ip",
                                               "rfc2047",
                                               "rfc2047d",
                                               "rxquote",
                                               "s",
                                               "sha1",
                                               "sha2",
                                               "sha256",
                                               "sha3",
                                               "stat",
                                               "str2b64",
                                               "strlen",
                                               "substr",
                                               "time_eval",
                                               "time_interval",
                                               "uc",
                                               "utf8_domain_from_alabel",
                                               "utf8_domain_to_alabel",
                                               "utf8_localpart_from_alabel",
                                               "utf8_localpart_to_alabel",
                                               "utf8clean",
                                               "xtextd"};

constexpr std::string_view kConditionNames[] = {"<",
                                                "<=",
                                                "=",
                                                "==",
                                                ">",
                                                ">=",
                                                "acl",
                                                "and",
                                                "bool",
                                                "bool_lax",
                                                "crypteq",
                                                "def",
                                                "eq",
                                                "eqi",
                                                "exists",
                                                "first_delivery",
                                                "forall",
                                                "forall_json",
                                                "forall_jsons",
                                                "forany",
                                                "forany_json",
                                                "forany_jsons",
                                                "ge",
                                                "gei",
                                                "gt",
                                                "gti",
                                                "inbound_srs",
                                                "inlist",
                                                "inlisti",
                                                "isip",
                                                "isip4",
                                                "isip6",
                                                "ldapauth",
                                                "le",
                                                "lei",
                                                "lt",
                                                "lti",
                                                "match",
                                                "match_address",
                                                "match_domain",
                                                "match_ip",
                                                "match_local_part",
                                                "or",
                                                "pam",
                                                "pwcheck",
                                                "queue_running",
                                                "radius",
                                                "saslauthd"};

bool HasRow(std::string_view table, std::string_view name) {
  std::vector<std::string_view> rows = AllRows(table);
  return std::find(rows.begin(), rows.end(), name) != rows.end();
}

// Exactly one of both.
template <std::size_t N>
void ExpectKnown(std::string_view table, const std::string_view (&names)[N]) {
  for (std::string_view name : names)
    EXPECT_NE(HasRow(table, name), FindElsewhere(table, name) != nullptr) << table << " " << name;
}

TEST(Names, ItemsAndConditionsAreHereOrSayWhyNot) {
  ExpectKnown("item", kItemNames);
  ExpectKnown("condition", kConditionNames);
}

TEST(Names, AllOperatorsAreHere) {
  static_assert(std::size(kOperatorNames) == 57);
  for (std::string_view name : kOperatorNames) EXPECT_TRUE(HasRow("operator", name)) << name;
}

TEST(Names, NoVariableIsBothHereAndElsewhere) {
  for (std::string_view name : AllRows("variable"))
    EXPECT_EQ(FindElsewhere("variable", name), nullptr) << name;
}

}  // namespace
}  // namespace signet::expand
