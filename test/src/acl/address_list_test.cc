// Address fields of a header, read so that what two readers could take differently shows.
#include "src/acl/address_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/limits.h"

namespace signet::acl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Show(std::string_view value) {
  const AddressList list = ReadAddressList(value);
  if (!list.wrong.empty()) return "wrong: " + list.wrong;
  std::string text;
  for (const HeaderMailbox& mailbox : list.mailboxes)
    text += (text.empty() ? "" : " | ") + (mailbox.name.empty() ? "" : mailbox.name + " ") + '<' +
            mailbox.address() + '>';
  return text;
}

TEST(ReadAddressList, GivesMailboxes) {
  EXPECT_EQ(Show(" ann@one.example"), "<ann@one.example>");
  EXPECT_EQ(Show("<ann@one.example>"), "<ann@one.example>");
  EXPECT_EQ(Show("Ann Lee <ann.lee+x@one.example>"), "Ann Lee <ann.lee+x@one.example>");
  EXPECT_EQ(Show("\"Lee, Ann\" <a@b.example>, c@d.example"),
            "Lee, Ann <a@b.example> | <c@d.example>");
  EXPECT_EQ(Show("J. R. Ewing\n <jr@b.example>"), "J. R. Ewing <jr@b.example>");
  EXPECT_EQ(Show("=?utf-8?q?J=C3=BCrgen?= <j@b.example>"), "J\xc3\xbcrgen <j@b.example>");
  EXPECT_EQ(Show("\"a b\"@c.example"), "<a b@c.example>");
  EXPECT_EQ(Show("a@[192.0.2.1]"), "<a@[192.0.2.1]>");
  EXPECT_EQ(Show("staff: a@b.example, C <c@d.example>; , e@f.example"),
            "<a@b.example> | C <c@d.example> | <e@f.example>");
  EXPECT_EQ(Show("nobody:;"), "");
  EXPECT_EQ(Show("a@b.example (Ann (x) \\) y)"), "<a@b.example>");
  EXPECT_EQ(Show("<@x.example,@y.example:a@b.example>"), "<a@b.example>");
}

TEST(ReadAddressList, SaysWhatIsWrong) {
  for (const char* wrong : {"",
                            " ",
                            "ann",
                            "a@",
                            "@b.example",
                            "a@b.example c@d.example",
                            "Ann <a@b.example",
                            "Ann a@b.example>",
                            "a@b..example",
                            "a@.example",
                            ".a@b.example",
                            "a..b@c.example",
                            "a.@b.example",
                            "\"a@b.example",
                            "a@b.example (x",
                            "a@[1.2.3.4",
                            "g: a@b.example",
                            "g: h: a@b.example;;",
                            "a@b@c.example",
                            "<a@b.example> x",
                            "<<a@b.example>>",
                            "a;b@c.example",
                            "Ann <a@b.example> <c@d.example>",
                            "a\\@b.example",
                            "<>",
                            "\xff@b.example"}) {
    if (std::string_view(wrong) == "ann") {
      EXPECT_EQ(ReadAddressList(wrong).oddities & kNoDomain, kNoDomain);
      continue;
    }
    EXPECT_NE(ReadAddressList(wrong).wrong, "") << wrong;
  }
}

TEST(ReadAddressList, NotesOddities) {
  const std::pair<const char*, Oddity> cases[] = {
      {"g: a@b.example;", kGroup},
      {"a@b.example (x)", kComment},
      {"(x) a@b.example", kComment},
      {"a(x)@b.example", kComment},
      {"<@x.example:a@b.example>", kRoute},
      {"\"a\"@b.example", kQuotedLocalPart},
      {"a@[192.0.2.1]", kLiteral},
      {"ann", kNoDomain},
      {"=?utf-8?q?a?=@b.example", kEncodedWord},
      {"=?none-such?q?a?= <a@b.example>", kEncodedWord},
      {"=?utf-8?x?a?= <a@b.example>", kEncodedWord},
      {"\"ceo@b.example\" <a@b.example>", kOddName},
      {"=?utf-8?q?ceo=40b.example?= <a@b.example>", kOddName},
      {"=?utf-8?q?ceo=00?= <a@b.example>", kOddName},
      {"=?utf-8?b?Y2VvAA==?= <a@b.example>", kOddName},
      {"=?utf-8?b?Y2VvQGIuZXhhbXBsZQ==?= <a@b.example>", kOddName},
      {"ceo\xef\xbc\xa0"
       "b.example <a@b.example>",
       kOddName},
      {"=?utf-8?q?ceo=EF=BC?= =?utf-8?q?=A0b?= <a@b.example>", kOddName},
      {"\"x <ceo@b.example>\" <a@b.example>", kOddName},
      {"=?utf-8?q?x=0A=40?= <a@b.example>", kOddName},
      {"\"\xe2\x80\xae"
       "elpmaxe\" <a@b.example>",
       kOddName},
      {"a . b@c.example", kOldSyntax},
      {"a@b . example", kOldSyntax},
      {"< a@b.example>", kOldSyntax},
      {"a@b.example,,c@d.example", kOldSyntax},
      {"a@b.example,", kOldSyntax},
      {",a@b.example", kOldSyntax},
      {"\xc3\xbc@b.example", kNotAscii},
  };
  for (const auto& [value, oddity] : cases) {
    const AddressList list = ReadAddressList(value);
    EXPECT_EQ(list.wrong, "") << value;
    EXPECT_EQ(list.oddities & oddity, oddity) << value;
  }
  for (const char* plain :
       {"a@b.example", "Ann <a@b.example>", "\"Lee, Ann\" <a@b.example>",
        "J. R. <a@b.example>, c@d.example", "=?iso-8859-1?q?J=FCrgen?= <a@b.example>",
        "J\xc3\xbcrgen <a@b.example>", "Ann\n <a@b.example>"})
    EXPECT_EQ(ReadAddressList(plain).oddities, 0) << plain;
}

TEST(ReadAddressList, HasLimits) {
  const auto many = [](std::size_t count) {
    std::string text = "a@b.example";
    for (std::size_t i = 1; i < count; ++i) text += ", a@b.example";
    return text;
  };
  EXPECT_EQ(ReadAddressList(many(limits::kHeaderMailboxesMax)).wrong, "");
  EXPECT_EQ(ReadAddressList(many(limits::kHeaderMailboxesMax + 1)).wrong, "too many addresses");
  EXPECT_EQ(ReadAddressList("g: " + many(limits::kHeaderMailboxesMax + 1) + ";").wrong,
            "too many addresses");
  const auto deep = [](std::size_t depth) {
    return "a@b.example " + std::string(depth, '(') + std::string(depth, ')');
  };
  EXPECT_EQ(ReadAddressList(deep(limits::kHeaderCommentDepth)).wrong, "");
  EXPECT_EQ(ReadAddressList(deep(limits::kHeaderCommentDepth + 1)).wrong,
            "comments nested too deep");
}

// --- whose message it is -------------------------------------------------------------------------

Authors Of(std::vector<std::string> fields, bool smtputf8 = false) {
  std::vector<facts::HeaderField> header;
  for (std::string& field : fields)
    header.push_back({field.substr(0, field.find(':')), std::move(field)});
  return AuthorsOf(header, smtputf8);
}

TEST(AuthorsOf, AreThoseOfFromAndSender) {
  EXPECT_THAT(Of({"To: x@y.example", "From: Ann <ann@one.example>"}).addresses,
              ElementsAre("ann@one.example"));
  EXPECT_THAT(Of({"from: a@b.example,\n c@d.example", "SENDER: a@b.example"}).addresses,
              ElementsAre("a@b.example", "c@d.example", "a@b.example"));
  EXPECT_THAT(Of({"From: \xc3\xbc@b.example"}, true).addresses, ElementsAre("\xc3\xbc@b.example"));
}

TEST(AuthorsOf, AreNobodyWhereReadersCouldDiffer) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"To: a@b.example"}, "no From field"},
      {{"From: a@b.example", "From: a@b.example"}, "several From fields"},
      {{"From: a@b.example", "FROM: c@d.example"}, "several From fields"},
      {{"From: a@b.example", "From : c@d.example"}, "malformed From field"},
      {{"From : a@b.example"}, "malformed From field"},
      {{"From\t: a@b.example"}, "malformed From field"},
      {{"From: a@b.example\n \n c@d.example"}, "malformed From field"},
      {{"From:"}, "malformed From field: no address"},
      {{"From: a@b.example c@d.example"}, "malformed From field: unexpected \"c\""},
      {{"From: g: a@b.example;"}, "a group in the From field"},
      {{"From: nobody:;"}, "a group in the From field"},
      {{"From: a@b.example (c@d.example)"}, "a comment in the From field"},
      {{"From: <@c.example:a@b.example>"}, "a route in the From field"},
      {{"From: \"a\"@b.example"}, "a quoted local part in the From field"},
      {{"From: \"c@d.example\" <a@b.example>"},
       "a display name that can be taken for an address in the From field"},
      {{"From: a"}, "an address without a domain in the From field"},
      {{"From: \xc3\xbc@b.example"}, "an address beyond ASCII in the From field"},
      {{"From: a@b.example", "Sender: a@b.example, c@d.example"},
       "several addresses in the Sender field"},
      {{"From: a@b.example", "Sender: a@b.example", "Sender: a@b.example"},
       "several Sender fields"},
      {{"From: a@b.example", "Sender:"}, "malformed Sender field: no address"},
  };
  for (const auto& [fields, why] : cases) {
    const Authors authors = Of(fields);
    EXPECT_EQ(authors.wrong, why) << fields[0];
    EXPECT_THAT(authors.addresses, IsEmpty()) << fields[0];
  }
}

}  // namespace
}  // namespace signet::acl
