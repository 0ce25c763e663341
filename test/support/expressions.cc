#include "test/support/expressions.h"

#include <algorithm>

#include "src/base/text.h"

namespace signet::test {
namespace {

struct OperatorForm {
  std::string_view name;       // with its "_" and what may stand behind it
  std::string_view arguments;  // alternatives, separated by blanks
  std::string_view operand;    // kind
};

// clang-format off
constexpr OperatorForm kOperators[] = {
  {"address", "", "address"},
  {"addresses", "", "addresses"},
  {"base32", "", "number"},
  {"base32d", "", "base32"},
  {"base62", "", "number"},
  {"base62d", "", "base62"},
  {"base64", "", "text"},
  {"base64d", "", "base64"},
  {"domain", "", "address"},
  {"escape", "", "text"},
  {"escape8bit", "", "text"},
  {"eval", "", "sum"},
  {"eval10", "", "sum"},
  {"expand", "", "twice"},
  {"from_utf8", "", "utf8"},
  {"h", "_1 _2 _4 _3_5 _4_62 _2_63 _0 _ _x", "text"},
  {"hash", "_1 _2 _4 _3_5 _4_62 _2_63 _0 _99", "text"},
  {"hex2b64", "", "hex"},
  {"hexquote", "", "text"},
  {"ipv6denorm", "", "ip"},
  {"ipv6norm", "", "ip"},
  {"l", "_0 _1 _2 _5 _99 _ _x", "text"},
  {"lc", "", "text"},
  {"length", "_0 _1 _2 _5 _99 _ _x _-1", "text"},
  {"listcount", "", "list"},
  {"listnamed", " _d _h _a _l _x", "listname"},
  {"local_part", "", "address"},
  {"mask", " _n", "network"},
  {"md5", "", "text"},
  {"nh", "_1 _7 _8_64 _100_3 _x", "text"},
  {"nhash", "_1 _7 _8_64 _100_3 _2_x", "text"},
  {"quote", "", "text"},
  {"quote_ldap", "", "text"},
  {"quote_ldap_dn", "", "text"},
  {"quote_local_part", "", "text"},
  {"quote_lsearch", "", "text"},
  {"randint", "", "one"},
  {"reverse_ip", "", "ip"},
  {"rfc2047", "", "utf8"},
  {"rfc2047d", "", "encoded"},
  {"rxquote", "", "text"},
  {"s", "_0 _1 _2 _-1 _-2 _1_1 _-3_2 _0_9 _9 _-9_4 _ _x", "text"},
  {"sha1", "", "text"},
  {"sha2", " _256 _384 _512 _1 _x", "text"},
  {"sha256", "", "text"},
  {"sha3", " _224 _256 _384 _512 _7", "text"},
  {"str2b64", "", "text"},
  {"strlen", "", "text"},
  {"substr", "_0 _1 _2 _-1 _-2 _1_1 _-3_2 _0_9 _9 _-9_4 _1_-1", "text"},
  {"time_eval", "", "time"},
  {"time_interval", "", "number"},
  {"uc", "", "text"},
  {"utf8_domain_from_alabel", "", "alabel"},
  {"utf8_domain_to_alabel", "", "ulabel"},
  {"utf8_localpart_from_alabel", "", "alabel"},
  {"utf8_localpart_to_alabel", "", "ulabel"},
  {"utf8clean", "", "utf8"},
};
constexpr std::string_view kItems[] = {
  "acl", "authresults", "certextract", "env", "extract", "extract json", "extract jsons",
  "filter", "hash", "hmac", "if", "length", "listextract", "listquote", "lookup", "map",
  "nhash", "reduce", "sg", "sort", "substr", "tr",
};
constexpr std::string_view kConditions[] = {
  "=", "==", "<", "<=", ">", ">=", "acl", "and", "or", "bool", "bool_lax", "crypteq", "def",
  "eq", "eqi", "lt", "lti", "le", "lei", "gt", "gti", "ge", "gei", "exists", "forall", "forany",
  "forall_json", "forany_json", "forall_jsons", "forany_jsons", "inlist", "inlisti", "isip",
  "isip4", "isip6", "match", "match_address", "match_domain", "match_ip", "match_local_part",
};
// clang-format on

template <std::size_t N>
std::vector<std::string_view> Names(const std::string_view (&array)[N]) {
  return {array, array + N};
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace

// SplitMix64.
std::uint64_t ExpressionMaker::Next() {
  std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::string ExpressionMaker::Word() {
  return std::string(
      Any({"a",       "b",    "ab",   "A",   "B",    "x",     "y",     "1",     "2",        "10",
           "-1",      "0",    " ",    "  ",  ":",    "::",    ";",     "<;",    "<",        ">",
           ",",       "\"",   "\\\\", "\\t", "\\n",  "\\x41", "\\xe9", "\\351", "\xc3\xa9", "{",
           "\\}",     "\\{",  "=",    "/",   "@",    ".",     "x.y",   "%",     "\\$1",     "'",
           "(",       ")",    "*",    "+",   "|",    "^",     "a b",   "a:b",   "a=b",      "a::b",
           "\\N$\\N", "fail", "yes",  "no",  "true", "\\x7f", "\\r",   "~",     "_",        "-"}));
}

std::string ExpressionMaker::Text(int depth) {
  std::string text;
  const std::size_t parts = Below(4);
  for (std::size_t i = 0; i < parts; ++i)
    text += depth > 0 && Chance(35) ? Expression(depth - 1) : Word();
  return text;
}

std::string ExpressionMaker::Number(int depth) {
  if (depth > 0 && Chance(10)) return Expression(depth - 1);
  return std::string(
      Any({"0",  "1",  "2", "3", "7",  "10",  "62",   "-1",    "-2", "+1",  "1k", "2M",
           " 1", "1 ", "",  "x", "1x", "007", "0x10", "99999", "-0", "- 1", "1 k"}));
}

std::string ExpressionMaker::LargeNumber() {
  return std::string(Any({"9223372036854775807", "9223372036854775808", "-9223372036854775808",
                          "4294967296", "8589934591G", "8589934592g", "-2147483649"}));
}

std::string ExpressionMaker::List(int depth) {
  const std::string_view head = Any(
      {"", "", "", "", " ", "<;", "<, ", "<; ", "<|", "<\\n", "<\\x09", "<a", "< ;", "<:", "<"});
  std::string separator = ":";
  if (head.size() > 1 && head[0] == '<') separator = std::string(head.substr(1));
  while (!separator.empty() && separator.back() == ' ') separator.pop_back();
  if (separator.empty()) separator = ":";
  std::string list(head);
  const std::size_t items = head.empty() ? Below(5) : 1 + Below(4);
  for (std::size_t i = 0; i < items; ++i) {
    if (i > 0) list += Any({"", " "}), list += separator, list += Any({"", "", " "});
    if (Chance(12)) list += separator;
    list += depth > 0 && Chance(15)
                ? Expression(depth - 1)
                : std::string(Any({"a", "b", "c", "", "1", "2", "10", "a b", "B", "\xc3\xa9", "\"x",
                                   "\\\\", "\\xe9", "x=1"}));
  }
  return list;
}

std::string ExpressionMaker::Fields(int depth) {
  std::string fields;
  for (std::size_t i = Below(4); i-- > 0;) {
    fields += Any({"a", "b", "x", "A", "key"});
    fields += Any({"=", "=", " = ", " ", "", "=="});
    fields += depth > 0 && Chance(10)
                  ? Expression(depth - 1)
                  : std::string(Any({"1", "v w", "\"q r\"", "\"q\\\\\"r\"", "\"open", "", "x=y",
                                     "\"a\\\\nb\"", "\"\""}));
    fields += Any({" ", " ", "  ", "\\n", ""});
  }
  return fields;
}

std::string ExpressionMaker::Json(bool object) {
  std::string text = object ? "\\{" : "[";
  for (std::size_t i = 0, n = Below(4); i < n; ++i) {
    if (i > 0) text += Any({",", ", ", " ,"});
    if (object) {
      text += "\"";
      text += Any({"a", "b", "x", "A", "a b"});
      text += Any({"\":", "\" : ", "\": "});
    }
    text += Any({"1", "\"v\"", "\"a\"", "\"b\"", "\"\"", "true", "null", "[1,2]", "\\{\"k\":1\\}",
                 "-1.5", "\"q\\\\\"r\"", "\"a,b\"", " 7 ", "\"\\\\u00e9\""});
  }
  return Any({"", "", " "}).data() + text + (object ? "\\}" : "]");
}

std::string ExpressionMaker::Regex(int depth) {
  if (depth > 0 && Chance(8)) return Expression(depth - 1);
  return std::string(Any({"a",
                          "b",
                          "^a",
                          "\\N^(a)(b)?\\N",
                          "\\N(.)\\N",
                          "\\N^(.*)$\\N",
                          "x*",
                          "",
                          "(",
                          "[a-c]",
                          "\\N\\s+\\N",
                          "(?i)A",
                          "\\N(\\w+)\\W+(\\w+)\\N",
                          "\\N\\d\\N",
                          ".",
                          "\\N^$\\N",
                          "a|b",
                          "(a)|(b)",
                          "\\N[[:upper:]]\\N",
                          "*",
                          "\\N\\xe9\\N",
                          "(?:a)(b)",
                          "\\N(?<n>b)\\N"}));
}

std::string ExpressionMaker::Arithmetic(int depth) {
  std::string sum;
  for (std::size_t i = 0, n = 1 + Below(4); i < n; ++i) {
    if (i > 0) sum += Any({"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", " + ", " - ", "!"});
    sum += Any({"", "", "", "-", "~", "+", " "});
    if (depth > 0 && Chance(15)) {
      sum += "(" + Arithmetic(depth - 1) + ")";
    } else {
      sum += Any({"0", "1", "2", "3", "7", "010", "0x1f", "1k", "2M", "100", "08", "x", "",
                  "9223372036854775807", "4611686018427387903", "62", "1K "});
    }
  }
  return sum;
}

std::string ExpressionMaker::Operand(std::string_view kind, int depth) {
  if (kind == "text" || Chance(10)) return Text(depth);
  if (kind == "number") return Number(depth);
  if (kind == "list") return List(depth);
  if (kind == "sum") return Arithmetic(2);
  if (kind == "one") return std::string(Any({"1", "0", "-1", "x", " 1", "1 ", "", "1x"}));
  if (kind == "address" || kind == "addresses") {
    std::string text(Any({"a@b.test",
                          "Ann <a@b.test>",
                          "\"a b\"@c.test",
                          "<>",
                          "a",
                          "a b",
                          "@b",
                          "a@[192.0.2.1]",
                          "a.b@C-d.test",
                          "a@b_c",
                          "(x) a@b (y)",
                          "<@r.test:a@b>",
                          "a@b.",
                          ".a@b",
                          "a..b@c",
                          "\"q\\\\\"r\"@b",
                          "a@b c",
                          "\xc3\xa9@b.test",
                          "A B. C <x@y>",
                          "",
                          "<a@b",
                          "a@-b",
                          "a,b"}));
    if (kind == "address") return text;
    std::string head(Any({"", "", ">; ", ">:", "> ", ">"}));
    return head + text + std::string(Any({"", ", c@d", ",x@y,", "; e@f", ", g: h@i, j@k;"}));
  }
  if (kind == "base32")
    return std::string(Any({"", "a", "bfvuh", "7", "A", "zz", "1", "b a", "aaab"}));
  if (kind == "base62")
    return std::string(Any({"", "0", "Z", "00000z", "zzzzzz", "a b", "-", "10"}));
  if (kind == "base64")
    return std::string(Any({"", "YQ==", "YWI=", "YWJj", "YQ", "Y Q = =", "YQ==x",
                            "6Q==", "Y*==", "YWJjZA==", "=", "YQ=\\n="}));
  if (kind == "hex") return std::string(Any({"", "61", "a1B2c3", "a1b", "xy", "6 1", "ff", "00"}));
  if (kind == "ip")
    return std::string(Any({"192.0.2.1",
                            "::1",
                            "2001:db8::1",
                            "::ffff:192.0.2.1",
                            "::",
                            "1::2",
                            "2001:0DB8:0:0:1:0:0:1",
                            "192.0.2",
                            "192.0.2.256",
                            "x",
                            "",
                            "fe80::1",
                            "1:2:3:4:5:6:7:8",
                            "192.0.02.1",
                            "1:2:3:4:5:6:7::",
                            "[::1]",
                            "::1%lo",
                            "10.0.0.0/8",
                            "192.0.2.1.",
                            "0.0.0.0",
                            "::192.0.2.1"}));
  if (kind == "network")
    return std::string(Any({"10.20.30.40/12", "10.20.30.40", "10.20.30.40/33", "192.0.2.1/0",
                            "192.0.2.1/32", "2001:db8::abcd:1/40", "2001:db8::1/128", "::1/0",
                            "::1/129", "x/8", "10.1/8", "10.20.30.40/x", "10.20.30.40/", "/8",
                            "::ffff:10.1.2.3/100", "10.20.30.40/ 8", "10.20.30.40/+8"}));
  if (kind == "listname")
    return std::string(
        Any({"d_local", "+d_local", "h_lan", "a_vip", "l_staff", "d_extra", "nope", ""}));
  if (kind == "time")
    return std::string(Any({"1s", "2w1d6h7m8s", "90m", "3s2h", "5", "", "1x", " 1s", "1s ", "1S",
                            "0d", "1s1s", "1m 1s"}));
  if (kind == "utf8")
    return std::string(Any({"caf\xc3\xa9", "a\\xc3", "\\xff", "\\xe2\\x82\\xac", "plain", "a b",
                            "a,b", "au_lait", "\\xed\\xa0\\x80", "\\xc0\\x80", "",
                            "\\xf0\\x9f\\x98\\x80", "\xc3\xa9\xc3\xa9", "=?x", "a\\nb"}));
  if (kind == "encoded")
    return std::string(Any({"=?iso-8859-1?Q?caf=E9?=", "=?utf-8?B?w6k=?=", "plain",
                            "=?x?Q?a?=", "=?utf-8?Q?a_b?= =?utf-8?Q?c?=", "a =?utf-8?q?=41?= b",
                            "=?utf-8?X?a?=", "=?utf-8?Q?a", "",
                            "=?us-ascii?Q?a=00b?=", "=?utf-8?Q?a?=\\n =?utf-8?Q?b?="}));
  if (kind == "alabel")
    return std::string(Any({"xn--bcher-kva.example", "plain.example", "xn--jrgen-kva", "plain",
                            "xn--", "xn--a", "XN--bcher-kva", "", "xn--zzzzzz99999"}));
  if (kind == "ulabel")
    return std::string(
        Any({"b\xc3\xbc"
             "cher.Example",
             "PLAIN.example", "j\xc3\xbcrgen", "", "\\xff", "\xe4\xb8\xad.test", "a b",
             "\xc3\x9f.test"}));
  if (kind == "twice")
    return std::string(
        Any({"a", "\\$primary_hostname", "\\$nosuch", "\\${uc:x\\}", "", "\\\\x41", "\\$",
             "\\${if eq\\{a\\}\\{b\\}\\{y\\}fail\\}", "\\${lc:A", "b\\\\\\\\c"}));
  return Text(depth);
}

std::string ExpressionMaker::Tail(int depth) {
  switch (Below(8)) {
    case 0:
      return "";
    case 1:
      return Braced(Text(depth));
    case 2:
      return Braced("<$value>") + Blank() + "fail" + Blank();
    case 3:
      return Braced("$value") + Braced("no[$value]") + Blank();
    default:
      return Braced(Text(depth) + (Chance(50) ? "$value" : "")) + Braced(Text(depth)) + Blank();
  }
}

std::string ExpressionMaker::Variable() {
  return std::string(Any({"$primary_hostname",
                          "${primary_hostname}",
                          "$value",
                          "$item",
                          "$0",
                          "$1",
                          "${2}",
                          "$acl_m_x",
                          "$auth1",
                          "$tls_in_bits",
                          "$acl_narg",
                          "$acl_arg1",
                          "$acl_m0",
                          "$value",
                          "$item",
                          "$1",
                          "$tls_in_cipher",
                          "$nosuch",
                          "${tls_in_sni}",
                          "$99",
                          "$sender_host_address",
                          "$acl_cx"}));
}

std::string ExpressionMaker::Operator(int depth) {
  const OperatorForm& form = kOperators[Below(std::size(kOperators))];
  return "${" + std::string(form.name) + std::string(Any(Words(form.arguments))) + ":" +
         Operand(form.operand, depth) + "}";
}

std::string ExpressionMaker::Item(int depth) {
  std::string name(Any(Names(kItems)));
  // Exim's answer lacks what the standard wants, so it is no use within others.
  if ((name == "authresults" && depth < 3) || Chance(20)) name = "if";
  std::string text = "${" + name;
  const auto add = [&](const std::string& argument) { text += Braced(argument); };
  if (name == "acl") {
    add(std::string(Any({"c_ok", "c_ok", "c_plain", "c_no", "c_later", "nosuch", ""})));
    for (std::size_t i = Below(4); i-- > 0;) add(Text(depth));
  } else if (name == "authresults") {
    add(std::string(Any({"mx.test", "a", "x y"})));
  } else if (name == "certextract") {
    add(std::string(
        Any({"subject", "version", "subj_altname,mail", "issuer,CN", " serial_number "})));
    add(std::string(Any({"$tls_in_peercert", "$tls_in_peercert", "$primary_hostname", "$nosuch",
                         "tls_in_peercert", " $tls_in_peercert"})));
    text += Tail(depth);
  } else if (name == "env") {
    add(std::string(Any({"DEMO_A", "DEMO_A", "DEMO_X", "", " DEMO_A"})));
    text += Tail(depth);
  } else if (name == "extract") {
    if (Chance(50)) {
      add(std::string(Any({"a", "b", "x", " key ", "A", "", "a b"})));
      add(Fields(depth));
    } else {
      add(Number(depth));
      add(std::string(Any({":", ":", ",;", " ", "", "\\n", "a"})));
      add(Text(depth));
    }
    text += Tail(depth);
  } else if (name == "extract json" || name == "extract jsons") {
    const bool object = Chance(50);
    add(std::string(object ? Any({"a", "b", "x", "A", "", "a b"})
                           : Any({"1", "2", "3", "0", "-1", "9"})));
    add(Json(Chance(90) ? object : !object));
    text += Tail(depth);
  } else if (name == "filter") {
    add(List(depth));
    add(Condition(depth - 1));
  } else if (name == "hash" || name == "nhash" || name == "substr") {
    add(Number(depth));
    if (Chance(50)) add(Number(depth));
    add(Text(depth));
  } else if (name == "hmac") {
    add(std::string(Any({"md5", "sha1", "md5", "sha1", "MD5", "sha256", ""})));
    add(Text(depth));
    add(Text(depth));
  } else if (name == "if") {
    text += " " + Blank() + Condition(depth - 1);
    text += Tail(depth);
  } else if (name == "length") {
    add(Number(depth));
    add(Text(depth));
  } else if (name == "listextract") {
    add(Number(depth));
    add(List(depth));
    text += Tail(depth);
  } else if (name == "listquote") {
    add(std::string(Any({":", ";", "", "ab", ","})));
    add(Text(depth));
  } else if (name == "lookup") {
    const std::string key(Any({"ann", "BOB", "zoe", "", "a.b.dept.test", "q@dom2.test", "eve", "*",
                               "jo", "gina h", "dave"}));
    add(key);
    text +=
        std::string(Any({" ", ""})) +
        std::string(Any({"lsearch", "lsearch", "lsearch*", "partial-lsearch", "lsearch*@",
                         "lsearch,ret=full", "partial0-lsearch*", "nosuch", "partial1()lsearch"}));
    add(std::string(Any({"/fx/users", "/fx/users", "/fx/mail", "/fx/none"})));
    text += Tail(depth);
  } else if (name == "map") {
    add(List(depth));
    add(Text(depth) + (Chance(60) ? "$item" : ""));
  } else if (name == "reduce") {
    add(List(depth));
    add(Text(depth));
    add(std::string(Any({"$value", "", "$item"})) + Text(depth) +
        std::string(Any({"$item", "$value", ""})));
  } else if (name == "sg") {
    add(Text(depth));
    add(Regex(depth));
    add(std::string(Any({"-", "\\N$0$1\\N", "\\$1x", "", "<\\$0>", "\\N${uc:$0}\\N", "\\\\n"})));
  } else if (name == "sort") {
    add(List(depth));
    add(std::string(
        Any({"<", "<=", ">", ">=", "lt", "lti", "le", "lei", "gt", "gti", "ge", "gei", "eq"})));
    add(std::string(Any({"$item", "$item", "${uc:$item}", "${length_1:$item}", "a", "x$item"})));
  } else if (name == "tr") {
    add(Text(depth));
    add(std::string(Any({"ab", "a", "abb", "", ":;", "a-z"})));
    add(std::string(Any({"AB", "x", "", "12", ";:", "A-Z"})));
  }
  return text + Blank() + "}";
}

std::string ExpressionMaker::Condition(int depth) {
  std::string name(Any(Names(kConditions)));
  if (depth < 0 && name.size() > 3 && (name.starts_with("for") || name.starts_with("match")))
    name = "eq";
  std::string text = std::string(Any({"", "", "", "", "!", "! ", "!!"})) + name;
  if (name == "def") {
    return text + ":" +
           std::string(Any({"value", "primary_hostname", "acl_m_x", "tls_in_bits",
                            "tls_in_peercert", "item", "nosuch", "1", "", "auth1"}));
  }
  if (name == "and" || name == "or") {
    text += Blank() + "{";
    for (std::size_t i = depth > 0 ? Below(4) : 0; i-- > 0;) text += Braced(Condition(depth - 1));
    return text + "}";
  }
  const auto add = [&](const std::string& argument) { text += Braced(argument); };
  if (name == "acl") {
    text += "{";
    add(std::string(Any({"c_ok", "c_ok", "c_no", "c_plain", "c_later", "nosuch"})));
    for (std::size_t i = Below(3); i-- > 0;) add(Word());
    return text + "}";
  }
  if (name == "bool" || name == "bool_lax") {
    add(Chance(70) ? std::string(Any({"yes", "no", "TRUE", "false", "0", "1", "00", "", " yes ",
                                      "-1", "off", "on", "-", "2x", " "}))
                   : Text(depth));
  } else if (name == "crypteq") {
    add(std::string(Any({"signet1", "x", ""})));
    add(std::string(
        Any({"\\{md5\\}RXDjcWbh3IbC13WG+vTazA==", "\\{MD5\\}4570E37166E1DC86C2D77586FAF4DACC",
             "\\{md5\\}4570", "\\{sha1\\}HTBT65K+Rq1M58OEbXv1jcg6QqY=", "\\{ssha\\}xx", "", "*",
             "\\{crypt\\}abJnggxhB/yWI", "abJnggxhB/yWI", "\\$1\\$a\\$x", "\\{sha1\\}x"})));
  } else if (name == "exists") {
    add(std::string(Any({"/fx/users", "/fx/none", "/fx/dir", "/fx/dir/link", ""})));
  } else if (name.starts_with("for")) {
    const bool json = name.find("json") != name.npos;
    add(json ? Json(false) : List(depth));
    add(Chance(60) ? std::string(Any({"eq{$item}{a}", "!eq{$item}{b}", "match{$item}{^(a)}",
                                      "inlist{$item}{a:b}", "eq{$item}{\"v\"}", "eq{$item}{v}"}))
                   : Condition(depth - 1));
  } else if (name == "inlist" || name == "inlisti") {
    add(Chance(60) ? std::string(Any({"a", "b", "A", "", "1", "a:b", " a"})) : Text(depth));
    add(List(depth));
  } else if (name.starts_with("isip")) {
    add(Operand("ip", depth));
  } else if (name == "match") {
    add(Text(depth));
    add(Regex(depth));
  } else if (name == "match_address") {
    add(std::string(Any({"Joe@One.Test", "x@two.test", "a@b", "", "joe", "a@one.test"})));
    add(std::string(
        Any({"+a_vip", "two.test", "*", ":", "a@b : x@*", "!joe@one.test : *", "*@+d_local", "",
             "\\N^joe\\N", "*x@two.test", "+caseful : Joe@one.test", "*@two.test"})));
  } else if (name == "match_domain") {
    add(std::string(
        Any({"one.test", "A.Two.Test", "three.test", "x", "", "gw.example.net", "a1.b"})));
    add(std::string(
        Any({"+d_local", "*", "x", "*.test", "!x : *", "! x : ! one.test", "\\N^(\\w)\\N", "@", "",
             ":", "<; x ; +d_extra", "*.two.test : y", "/fx/domfile", "X"})));
  } else if (name == "match_ip") {
    add(std::string(
        Any({"192.0.2.1", "10.1.2.3", "::1", "", "2001:db8::1", "x", "::ffff:10.1.2.3"})));
    add(std::string(Any({"+h_lan", "*", "192.0.2.0/24", "!192.0.2.1", "10.0.0.0/8 : ::1", ":",
                         "<; 2001:db8::/32", "! 10.0.0.0/8 : *", "", "192.0.2.1"})));
  } else if (name == "match_local_part") {
    add(std::string(Any({"alice", "Alice", "x-y", "", "bob", "carol"})));
    add(std::string(Any(
        {"+l_staff", "*", "*-y", "+caseful : alice", "!bob : *", "", "\\N^(a)\\N", ":", "BOB"})));
  } else {
    const bool numbers = name.find_first_of("<>=") != name.npos;
    for (int i = 0; i < 2; ++i)
      add(!numbers ? Text(depth) : Chance(10) ? LargeNumber() : Number(depth));
  }
  return text;
}

std::string ExpressionMaker::Expression(int depth) {
  if (depth < 0 || Chance(12)) return Variable();
  return Chance(45) ? Operator(depth) : Item(depth);
}

std::string ExpressionMaker::Damaged(std::string text) {
  const std::size_t at = Below(text.size());
  switch (Below(4)) {
    case 0:
      text.erase(at, 1);
      break;
    case 1:
      text.insert(at, Any({"{", "}", "$", "\\", " ", ":", "x", "${", "}}", "_", "!", ","}));
      break;
    case 2:
      text[at] = Any({"{", "}", "$", "\\", " ", ":", "x"})[0];
      break;
    default:
      text.resize(at + 1);
      break;
  }
  return text;
}

std::string ExpressionMaker::Make() {
  std::string text;
  for (std::size_t i = 0, n = Chance(75) ? 1 : 2; i < n; ++i) {
    if (i > 0) text += Any({"|", " ", "}", ":"});
    text += Expression(1 + static_cast<int>(Below(3)));
  }
  return Chance(10) ? Damaged(std::move(text)) : text;
}

std::size_t CountUses(std::string_view text, std::string_view table, std::string_view name) {
  std::string wanted = table == "condition" ? std::string(name) : "${" + std::string(name);
  std::size_t count = 0;
  for (std::size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + 1)) {
    const char next = at + wanted.size() < text.size() ? text[at + wanted.size()] : '\0';
    const char before = at > 0 ? text[at - 1] : '\0';
    if (table == "operator") count += next == ':' || next == '_';
    if (table == "item") count += next == '{' || next == ' ' || next == '\t';
    if (table == "condition") {
      const bool starts = IsSpace(before) || before == '{' || before == '!';
      count += starts && (next == '{' || IsSpace(next) || (name == "def" && next == ':'));
    }
  }
  return count;
}

}  // namespace signet::test
