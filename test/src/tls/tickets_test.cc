#include "src/tls/tickets.h"

#include <gtest/gtest.h>

#include "src/base/codec.h"
#include "src/base/limits.h"

namespace signet::tls {
namespace {

const std::string kOne(limits::kTicketSecretMinBytes, '\x01');

// "" or what is wrong.
std::string Flaw(const std::string& text) {
  const auto secrets = ParseTicketSecrets(text);
  return secrets.ok() ? "" : secrets.error();
}

std::string Secret(int number, std::size_t size = limits::kTicketSecretMinBytes) {
  return HexLower(std::string(size, static_cast<char>(number)));
}

TEST(TicketSecrets, AreLinesOfHexOrBase64NewestFirst) {
  const auto secrets =
      ParseTicketSecrets("# of this week\n\n  " + Secret(2) + "\r\n" + EncodeBase64(kOne) + "\n");
  ASSERT_TRUE(secrets.ok()) << secrets.error();
  ASSERT_EQ(secrets.value().size(), 2u);
  EXPECT_EQ(secrets.value()[0].Reveal(), std::string(32, '\x02'));
  EXPECT_EQ(secrets.value()[1].Reveal(), kOne);
}

TEST(TicketSecrets, MistakesAreToldWithTheirLineAndWithoutTheSecret) {
  EXPECT_EQ(Flaw(""), "holds no secret");
  EXPECT_EQ(Flaw("# nothing yet\n"), "holds no secret");
  EXPECT_EQ(Flaw(Secret(1) + "\nswordfish!\n"), "line 2: is neither hex nor base64");
  EXPECT_EQ(Flaw(Secret(1) + "\n" + Secret(2) + "\n" + Secret(1)),
            "line 3: the same secret stands above");
}

TEST(TicketSecrets, ASecretHasAsManyOctetsAsItsLimitOrMore) {
  EXPECT_EQ(Flaw(Secret(1, limits::kTicketSecretMinBytes)), "");
  EXPECT_EQ(Flaw(Secret(1, limits::kTicketSecretMinBytes - 1)),
            "line 1: a secret has at least 32 octets, this 31");
}

TEST(TicketSecrets, AFileHasAsManyAsItsLimitAndNoMore) {
  std::string text;
  for (std::size_t i = 0; i < limits::kTicketKeysMax; ++i)
    text += Secret(static_cast<int>(i)) + "\n";
  EXPECT_EQ(Flaw(text), "");
  EXPECT_EQ(Flaw(text + Secret(99)), "line 9: more than 8 secrets");
}

TEST(TicketSecrets, AFileIsAsLongAsItsLimitAndNoLonger) {
  std::string text = Secret(1) + "\n#";
  text.resize(limits::kTicketKeyFileBytes, '-');
  EXPECT_EQ(Flaw(text), "");
  EXPECT_EQ(Flaw(text + "-"), "is longer than 4096 octets");
}

TEST(TicketNames, AreFoundInFrontOfEachTicket) {
  const std::string name = "0123456789abcdef";
  EXPECT_EQ(NamesInTicket(name + "sealed"), std::vector<std::string>{name});
  EXPECT_TRUE(NamesInTicket("0123456789abcde").empty());
  const auto identity = [](const std::string& text) {
    return std::string("\0", 1) + static_cast<char>(text.size()) + text + "aged";
  };
  const auto all = [](const std::string& identities) {
    return std::string("\0", 1) + static_cast<char>(identities.size()) + identities + "binders";
  };
  EXPECT_EQ(NamesInPreSharedKeys(all(identity("short") + identity(name + "x"))),
            std::vector<std::string>{name});
  std::string many;
  for (std::size_t i = 0; i <= kTicketNamesLookedAt; ++i)
    many += identity(std::string(16, static_cast<char>('a' + i)));
  EXPECT_EQ(NamesInPreSharedKeys(all(many)).size(), kTicketNamesLookedAt);
}

TEST(TicketNames, OfMessagesCutAnywhereAreReadWithinThem) {
  const std::string whole = std::string("\0\x18\0\x12", 4) + std::string(18, 'n') + "aged" + "x";
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const std::string cut(whole.data(), size);
    EXPECT_LE(NamesInPreSharedKeys(cut).size(), 1u);
  }
  EXPECT_EQ(NamesInPreSharedKeys(whole).size(), 1u);
}

}  // namespace
}  // namespace signet::tls
