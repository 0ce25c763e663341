#include "src/crypto/trust.h"

#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/limits.h"
#include "src/crypto/chain_cache.h"
#include "src/crypto/digest.h"
#include "test/support/certificates.h"

// Chains with one flaw each, for every clause of rules I3 and I4, and legal chains that
// merely look odd. The unflawed chain is root (P-384), intermediate and client (P-256).
namespace signet::crypto {
namespace {

using namespace signet::testing;  // NOLINT: the maker's vocabulary

constexpr std::int64_t kNow = 1800000000;  // 2027

TrustStorePtr StoreOf(const std::string& anchors, const std::string& crls = "") {
  auto store = TrustStore::Make({.anchors_pem = anchors, .crls_pem = crls});
  EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error());
  return store.ok() ? store.value() : nullptr;
}

ChainStatus VerifyWith(const TrustStore& store, const std::vector<std::string>& chain,
                       std::int64_t now = kNow, Purpose purpose = Purpose::kTlsClient) {
  const std::vector<std::string_view> views(chain.begin(), chain.end());
  return store.Verify(views, purpose, now);
}

// A chain of three under construction: a test changes one thing and asks.
struct Chain {
  CertificateSpec root_spec, intermediate_spec, client_spec = ClientSpec();
  Key client_key = SharedKey(KeyType::kEcdsaP256, 1);
  KeyType intermediate_type = KeyType::kEcdsaP256;
  Key::Hash root_hash = Key::Hash::kBest;
  bool break_intermediate_signature = false;

  Chain() {
    root_spec.subject = CommonName("Test Root");
    root_spec.ca = true;
    root_spec.key_usage = kKeyCertSign | kCrlSign;
    intermediate_spec = root_spec;
    intermediate_spec.subject = CommonName("Test Intermediate");
    intermediate_spec.path_length = 0;
  }
  Issued Root() const { return Issue(root_spec, SharedKey(KeyType::kEcdsaP384, 2), nullptr); }
  Issued Intermediate() const {
    const Issued root = Root();
    return Issue(intermediate_spec, SharedKey(intermediate_type, 3), &root);
  }
  Issued Client() const {
    const Issued intermediate = Intermediate();
    return Issue(client_spec, client_key, &intermediate);
  }
  ChainStatus Verify(std::int64_t now = kNow) const {
    const std::string root = Root().Pem();
    const Issued issuer = Intermediate();
    const std::vector<std::string> chain = {Client().der, issuer.der};
    ChainStatus status = VerifyWith(*StoreOf(root), chain, now);
    // A store that knows the issuer from another client finds the same.
    const TrustStorePtr knows = StoreOf(root);
    const Issued sibling =
        Issue(ClientSpec("b@example.org"), SharedKey(KeyType::kEcdsaP256, 4), &issuer);
    (void)VerifyWith(*knows, {sibling.der, issuer.der}, now);
    const ChainStatus again = VerifyWith(*knows, chain, now);
    EXPECT_EQ(status.verified, again.verified);
    EXPECT_EQ(status.reason, again.reason);
    EXPECT_EQ(status.path.size(), again.path.size());
    EXPECT_EQ(status.valid_until, again.valid_until);
    return status;
  }
};

// "" where the chain verified.
std::string ReasonOf(const Chain& chain) {
  const ChainStatus status = chain.Verify();
  EXPECT_EQ(status.verified, status.reason.empty());
  return status.reason;
}

TEST(TrustStore, AChainWithoutAFlawVerifies) {
  const ChainStatus status = Chain().Verify();
  EXPECT_TRUE(status.verified) << status.reason;
  ASSERT_TRUE(status.leaf);
  EXPECT_EQ(status.leaf->subject_text(), "CN=client");
  EXPECT_FALSE(status.temporary);
}

// --- rule I3, clause by clause ---------------------------------------------------------

TEST(TrustStore, AnIssuerThatWasSeenBeforeIsKeptOnce) {
  const Chain chain;
  const Issued issuer = chain.Intermediate();
  const TrustStorePtr store = StoreOf(chain.Root().Pem());
  std::vector<CertificatePtr> kept;
  for (const char* mail : {"a@example.org", "b@example.org", "c@example.org"}) {
    const Issued client = Issue(ClientSpec(mail), chain.client_key, &issuer);
    const ChainStatus status = VerifyWith(*store, {client.der, issuer.der});
    ASSERT_EQ(status.path.size(), 3u) << status.reason;
    EXPECT_EQ(status.leaf->alternative_names().at(0).value, mail);
    kept.push_back(status.path[1]);
  }
  EXPECT_EQ(kept[1], kept[2]);
}

// Whoever has the issuer's octets has not its key.
TEST(TrustStore, RuleI3AnIssuerThatWasSeenBeforeLendsItsNameToNobody) {
  const Chain chain;
  const Issued issuer = chain.Intermediate();
  const TrustStorePtr store = StoreOf(chain.Root().Pem());
  EXPECT_TRUE(VerifyWith(*store, {chain.Client().der, issuer.der}).verified);
  Chain thief;
  thief.intermediate_type = KeyType::kEd25519;  // another key under the same name
  const ChainStatus status = VerifyWith(*store, {thief.Client().der, issuer.der});
  EXPECT_FALSE(status.verified);
  EXPECT_NE(status.reason, "");
}

TEST(TrustStore, RuleI3AnUnknownRootIsRefused) {
  const Chain chain;
  const Issued other = MakeRoot("Other Root", KeyType::kEcdsaP384, 9);
  const auto status =
      VerifyWith(*StoreOf(other.Pem()), {chain.Client().der, chain.Intermediate().der});
  EXPECT_FALSE(status.verified);
  EXPECT_EQ(status.reason, "unknown CA");
  EXPECT_TRUE(status.leaf) << "an unverified certificate can still be shown";
}

TEST(TrustStore, RuleI3AMissingIntermediateIsRefused) {
  const Chain chain;
  EXPECT_EQ(VerifyWith(*StoreOf(chain.Root().Pem()), {chain.Client().der}).reason, "unknown CA");
}

TEST(TrustStore, RuleI3ASelfSignedCertificateIsRefused) {
  const Chain chain;
  const Issued self = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 1), nullptr);
  EXPECT_EQ(VerifyWith(*StoreOf(chain.Root().Pem()), {self.der}).reason, "unknown CA");
}

TEST(TrustStore, RuleI3ANamesakeOfTheRootWithAnotherKeyIsRefused) {
  Chain chain;
  chain.root_spec.key_identifiers = chain.intermediate_spec.key_identifiers = false;
  const Issued namesake = Issue(chain.root_spec, SharedKey(KeyType::kEcdsaP384, 8), nullptr);
  const auto status =
      VerifyWith(*StoreOf(namesake.Pem()), {chain.Client().der, chain.Intermediate().der});
  EXPECT_EQ(status.reason, "bad signature");
}

TEST(TrustStore, RuleI3ABrokenSignatureOfTheLeafIsRefused) {
  Chain chain;
  chain.client_spec.break_signature = true;
  EXPECT_EQ(ReasonOf(chain), "bad signature");
}

TEST(TrustStore, RuleI3ABrokenSignatureOfAnIssuerIsRefused) {
  Chain chain;
  chain.intermediate_spec.break_signature = true;
  EXPECT_EQ(ReasonOf(chain), "bad signature");
}

TEST(TrustStore, RuleI3ValidityOfTheLeafHasTwoEnds) {
  Chain chain;
  chain.client_spec.not_before = kNow - 100;
  chain.client_spec.not_after = kNow + 100;
  EXPECT_EQ(chain.Verify(kNow - 101).reason, "certificate not yet valid");
  EXPECT_EQ(chain.Verify(kNow - 100).reason, "");
  EXPECT_EQ(chain.Verify(kNow + 100).reason, "");
  EXPECT_EQ(chain.Verify(kNow + 101).reason, "certificate expired");
}

TEST(TrustStore, RuleI3ValidityOfEveryIssuerCounts) {
  Chain chain;
  chain.intermediate_spec.not_after = kNow - 1;
  EXPECT_EQ(ReasonOf(chain), "certificate expired");
  Chain young;
  young.intermediate_spec.not_before = kNow + 1;
  EXPECT_EQ(ReasonOf(young), "certificate not yet valid");
  Chain root;
  root.root_spec.not_after = kNow - 1;
  EXPECT_EQ(ReasonOf(root), "certificate expired");
}

TEST(TrustStore, RuleI3AnIssuerWithoutTheCaFlagIsRefused) {
  Chain chain;
  chain.intermediate_spec.ca = false;
  chain.intermediate_spec.path_length.reset();
  EXPECT_EQ(ReasonOf(chain), "issuer is not a certificate authority");
  Chain absent;
  absent.intermediate_spec.ca.reset();
  EXPECT_EQ(ReasonOf(absent), "issuer is not a certificate authority");
  Chain root;
  root.root_spec.ca = false;
  EXPECT_EQ(ReasonOf(root), "issuer is not a certificate authority");
}

TEST(TrustStore, RuleI3AnIssuerOfVersion1IsRefused) {
  Chain chain;
  chain.intermediate_spec.version = 1;
  EXPECT_EQ(ReasonOf(chain), "issuer is not a certificate authority");
}

TEST(TrustStore, RuleI3AnIssuerThatMayNotSignCertificatesIsRefused) {
  Chain chain;
  chain.intermediate_spec.key_usage = kDigitalSignature | kCrlSign;
  EXPECT_EQ(ReasonOf(chain), "issuer may not sign certificates");
}

TEST(TrustStore, RuleI3PathLengthIsKept) {
  Chain chain;
  chain.root_spec.path_length = 0;
  EXPECT_EQ(ReasonOf(chain), "path length of a certificate authority exceeded");
  chain.root_spec.path_length = 1;
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(TrustStore, RuleI3ALeafThatMayNotSignIsRefused) {
  Chain chain;
  chain.client_spec.key_usage = kKeyEncipherment;
  EXPECT_EQ(ReasonOf(chain), "key usage does not allow signatures");
  chain.client_spec.key_usage = kKeyEncipherment | kDigitalSignature;
  EXPECT_EQ(ReasonOf(chain), "");
  chain.client_spec.key_usage.reset();
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(TrustStore, RuleI3PurposeOfTheLeafIsChecked) {
  Chain chain;
  chain.client_spec.purposes = {std::string(kServerAuth)};
  EXPECT_EQ(ReasonOf(chain), "wrong key purpose");
  chain.client_spec.purposes = {"1.3.6.1.5.5.7.3.4"};  // e-mail protection is not enough
  EXPECT_EQ(ReasonOf(chain), "wrong key purpose");
  chain.client_spec.purposes = {std::string(kServerAuth), std::string(kClientAuth)};
  EXPECT_EQ(ReasonOf(chain), "");
  chain.client_spec.purposes = {};
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(TrustStore, RuleI3PurposeOfIssuersIsChecked) {
  Chain chain;
  chain.intermediate_spec.purposes = {std::string(kServerAuth)};
  EXPECT_EQ(ReasonOf(chain), "wrong key purpose of an issuer");
  chain.intermediate_spec.purposes = {std::string(kServerAuth), std::string(kClientAuth)};
  EXPECT_EQ(ReasonOf(chain), "");
  Chain root;
  root.root_spec.purposes = {std::string(kServerAuth)};
  EXPECT_EQ(ReasonOf(root), "wrong key purpose of an issuer");
}

constexpr char kMailProtection[] = "1.3.6.1.5.5.7.3.4";

// "" where the chain verified; with "*" behind it where only the wider purpose let it.
std::string ReasonFor(const Chain& chain, Purpose purpose) {
  const ChainStatus status = VerifyWith(
      *StoreOf(chain.Root().Pem()), {chain.Client().der, chain.Intermediate().der}, kNow, purpose);
  EXPECT_EQ(status.verified, status.reason.empty());
  EXPECT_FALSE(status.purpose_excused && !status.verified);
  return status.reason + (status.purpose_excused ? "*" : "");
}

TEST(TrustStore, RuleI3AWiderPurposeExcusesLeafAndIssuersAndIsRemembered) {
  const struct {
    std::vector<std::string> leaf, issuer;
    const char *client_or_server, *any;
  } kRows[] = {
      {{}, {}, "", ""},
      {{std::string(kClientAuth)}, {}, "", ""},
      {{std::string(kServerAuth), std::string(kClientAuth)}, {}, "", ""},
      {{std::string(kServerAuth)}, {}, "*", "*"},
      {{std::string(kServerAuth)}, {std::string(kServerAuth)}, "*", "*"},
      {{std::string(kClientAuth)}, {std::string(kServerAuth)}, "*", "*"},
      {{kMailProtection}, {}, "wrong key purpose", "*"},
      {{}, {kMailProtection}, "wrong key purpose of an issuer", "*"},
  };
  for (const auto& row : kRows) {
    Chain chain;
    chain.client_spec.purposes = row.leaf;
    chain.intermediate_spec.purposes = row.issuer;
    EXPECT_EQ(ReasonFor(chain, Purpose::kTlsClientOrServer), row.client_or_server);
    EXPECT_EQ(ReasonFor(chain, Purpose::kAnyClient), row.any);
  }
}

TEST(TrustStore, RuleI19AWiderPurposeMakesNoAuthorityAClient) {
  Chain chain;
  chain.client_spec.ca = true;
  for (const Purpose purpose : {Purpose::kTlsClientOrServer, Purpose::kAnyClient})
    EXPECT_EQ(ReasonFor(chain, purpose), "certificate authority as client");
}

TEST(TrustStore, RuleI4NoPurposeIsReadOutOfAMalformedExtension) {
  Chain chain;
  chain.client_spec.extra = {{"2.5.29.37", false, Utf8("x")}};
  chain.client_spec.purposes = {};
  for (const Purpose purpose :
       {Purpose::kTlsClient, Purpose::kTlsClientOrServer, Purpose::kAnyClient})
    EXPECT_EQ(ReasonFor(chain, purpose), "wrong key purpose");
}

TEST(TrustStore, RuleI3AnUnknownCriticalExtensionIsRefused) {
  Chain chain;
  chain.client_spec.extra = {{"1.2.3.4.5", true, Utf8("x")}};
  EXPECT_EQ(ReasonOf(chain), "unknown critical extension 1.2.3.4.5");
  chain.client_spec.extra = {{"1.2.3.4.5", false, Utf8("x")}};
  EXPECT_EQ(ReasonOf(chain), "");
  Chain issuer;
  issuer.intermediate_spec.extra = {{"1.2.3.4.5", true, Utf8("x")}};
  EXPECT_EQ(ReasonOf(issuer), "unknown critical extension 1.2.3.4.5");
}

TEST(TrustStore, RuleI3ARepeatedExtensionIsRefused) {
  Chain chain;
  chain.client_spec.extra = {{"2.5.29.17", false, Sequence({MailName("root@example.org")})}};
  EXPECT_EQ(ReasonOf(chain), "malformed certificate: repeated extension 2.5.29.17");
}

// --- rule I3: name constraints -----------------------------------------------------------

using std::literals::operator""sv;

// Names as "KIND:TEXT": m(ail), s (a mailbox beyond ASCII), d(ns), u(ri), i(p octets),
// o (a DN of O, then CN), c (a DN of CN).
std::string GeneralName(std::string_view text) {
  const std::string_view value = text.substr(2);
  switch (text[0]) {
    case 'm':
      return MailName(value);
    case 's':
      return OtherName("1.3.6.1.5.5.7.8.9", Utf8(value));
    case 'd':
      return DnsName(value);
    case 'u':
      return UriName(value);
    case 'i':
      return IpName(value);
    case 'c':
      return DirectoryName(CommonName(value));
    default:
      break;
  }
  const std::size_t slash = value.find('/');
  std::vector<Attribute> attributes = {{"2.5.4.10", Utf8(value.substr(0, slash))}};
  if (slash != value.npos) attributes.push_back({"2.5.4.3", Utf8(value.substr(slash + 1))});
  return DirectoryName(Name(attributes));
}

enum class Side : std::uint8_t { kPermitted, kExcluded };
struct ConstraintCase {
  Side side;
  std::string_view constraint, name;
  bool allowed;
};
constexpr auto kPermitted = Side::kPermitted, kExcluded = Side::kExcluded;

constexpr ConstraintCase kConstraintCases[] = {
    {kPermitted, "m:example.org", "m:a@example.org", true},
    {kPermitted, "m:Example.ORG", "m:a@exAMPLE.org", true},
    {kPermitted, "m:example.org", "m:a@mx.example.org", false},
    {kPermitted, "m:.example.org", "m:a@mx.example.org", true},
    {kPermitted, "m:.example.org", "m:a@example.org", false},
    {kPermitted, "m:example.org", "m:a@example.com", false},
    {kPermitted, "m:example.org", "m:a@badexample.org", false},
    {kPermitted, "m:a@example.org", "m:a@EXAMPLE.org", true},
    {kPermitted, "m:a@example.org", "m:b@example.org", false},
    {kPermitted, "m:example.org", "m:example.org", false},
    {kPermitted, "m:example.org", "m:\"a@example.org\"@evil.test", false},
    {kPermitted, "m:example.org", "m:a@evil.test\0@example.org"sv, false},
    {kExcluded, "m:example.org", "m:a@example.org", false},
    {kExcluded, "m:eXample.org", "m:a@ExampLE.org", false},
    {kExcluded, "m:example.org", "m:a@example.org.", false},
    {kExcluded, "m:root@example.org", "m:ROOT@example.org", false},
    {kExcluded, "m:example.com", "m:a@example.org", true},
    // RFC 9598 6: what is said of mail addresses holds for those beyond ASCII.
    {kPermitted, "m:example.org", "s:\u00e9@example.org", true},
    {kPermitted, "m:example.org", "s:\u00e9@EXAMPLE.org", true},
    {kPermitted, "m:example.org", "s:\u00e9@example.com", false},
    {kPermitted, "m:example.org", "s:\u00e9@mx.example.org", false},
    {kPermitted, "m:XN--bcher-kva.example", "s:\u00e9@xn--bcher-kva.example", true},
    {kPermitted, "m:a@example.org", "s:\u00e9@example.org", false},
    {kExcluded, "m:example.org", "s:\u00e9@Example.org", false},
    {kExcluded, "m:.example.org", "s:\u00e9@mx.example.org", false},
    {kExcluded, "m:example.com", "s:\u00e9@example.org", true},
    // One that is not valid in its kind could be anything.
    {kPermitted, "m:example.org", "s:a@example.org", false},
    {kExcluded, "m:example.com", "s:a@example.org", false},
    {kPermitted, "d:example.org", "d:h.example.org", true},
    {kPermitted, "d:example.org", "d:example.com", false},
    {kPermitted, "d:example.org", "d:badexample.org", false},
    {kExcluded, "d:example.org", "d:H.Example.Org", false},
    {kPermitted, "u:x.test", "u:https://u@X.test:8/p@q", true},
    {kPermitted, "u:x.test", "u:https://x.test@evil.test/", false},
    {kPermitted, "u:x.test", "u:urn:uuid:1234", false},
    {kExcluded, "u:x.test", "u:urn:uuid:1234", false},
    {kPermitted, "i:\xc0\0\2\0\xff\xff\xff\0"sv, "i:\xc0\0\2\1"sv, true},
    {kPermitted, "i:\xc0\0\2\0\xff\xff\xff\0"sv, "i:\xc0\0\3\1"sv, false},
    {kExcluded, "i:\xc0\0\2\0\xff\xff\xff\0"sv, "i:\xc0\0\2\1"sv, false},
    {kExcluded, "o:Org", "o:Org/Ann", false},
    {kExcluded, "o:Org", "o:ORG/Ann", false},
    {kExcluded, "o:Gr\u00f6\u00dfe", "o:GR\u00d6\u1e9eE", false},
    {kExcluded, "c:CLIENT", "m:a@example.org", false},  // it is the subject
    {kPermitted, "o:Org", "m:a@example.org", false},
    {kPermitted, "c:client", "c:client", true},
    {kPermitted, "c:client", "o:Org/client", false},
    {kPermitted, "m:example.org", "d:h.test", true},  // other kinds are free
    {kPermitted, "m:example.org", "u:urn:x", true},
};

TEST(TrustStore, RuleI3NameConstraintsAreKept) {
  for (const ConstraintCase& row : kConstraintCases) {
    Chain chain;
    const std::vector<std::string> constraints = {GeneralName(row.constraint)};
    auto& spec = chain.intermediate_spec;
    (row.side == kPermitted ? spec.permitted : spec.excluded) = constraints;
    chain.client_spec.alternative_names = {GeneralName(row.name)};
    EXPECT_EQ(ReasonOf(chain), row.allowed ? "" : "name not allowed by its issuer's constraints")
        << (row.side == kPermitted ? "permitted " : "excluded ") << row.constraint << ", "
        << row.name;
  }
}

// The library refuses all of these chains, so that each signature is looked at by itself.
TEST(TrustStore, AnExclusionOfDirectoryNamesThatIsNotAboutTheClientIsNoFlaw) {
  Chain chain;
  chain.intermediate_spec.excluded = {GeneralName("o:Org"), MailName("example.com")};
  EXPECT_EQ(ReasonOf(chain), "");
  Chain root;
  root.root_spec.excluded = {GeneralName("o:Org")};
  EXPECT_EQ(ReasonOf(root), "");
  Chain mail;
  mail.intermediate_spec.excluded = {GeneralName("o:Org"), MailName("example.org")};
  EXPECT_EQ(ReasonOf(mail), "name not allowed by its issuer's constraints");
}

TEST(TrustStore, RuleI3ABrokenSignatureIsFoundBesideAnExclusionOfDirectoryNames) {
  Chain leaf;
  leaf.intermediate_spec.excluded = {GeneralName("o:Org")};
  leaf.client_spec.break_signature = true;
  EXPECT_EQ(ReasonOf(leaf), "bad signature");
  Chain issuer;
  issuer.intermediate_spec.excluded = {GeneralName("o:Org")};
  issuer.intermediate_spec.break_signature = true;
  EXPECT_EQ(ReasonOf(issuer), "bad signature");
  // Somebody else's authority of the same name.
  Chain chain;
  chain.intermediate_spec.excluded = {GeneralName("o:Org")};
  chain.intermediate_spec.key_identifiers = chain.client_spec.key_identifiers = false;
  Chain other = chain;
  other.intermediate_type = KeyType::kEcdsaP384;
  const auto status =
      VerifyWith(*StoreOf(chain.Root().Pem()), {other.Client().der, chain.Intermediate().der});
  EXPECT_EQ(status.reason, "bad signature");
}

// Where the library stops at the issuer, it has not come to the leaf.
TEST(TrustStore, RuleI3ABrokenSignatureIsFoundBelowWhatTheLibraryStopsAt) {
  for (const bool broken : {false, true}) {
    Chain policy;
    policy.intermediate_spec.extra = {{"2.5.29.36", true, Sequence({Tlv(0x80, "\2")})}};
    policy.client_spec.break_signature = broken;
    EXPECT_EQ(ReasonOf(policy), broken ? "bad signature" : "");
    Chain chain;
    const Issued intermediate = chain.Intermediate();
    const Issued next =
        Issue(chain.intermediate_spec, SharedKey(KeyType::kEcdsaP256, 4), &intermediate);
    chain.client_spec.break_signature = broken;
    const Issued client = Issue(chain.client_spec, chain.client_key, &next);
    const auto status =
        VerifyWith(*StoreOf(chain.Root().Pem()), {client.der, next.der, intermediate.der});
    EXPECT_EQ(status.reason, broken ? "bad signature" : "");
  }
}

TEST(TrustStore, RuleI3EveryNameHasToBeAllowed) {
  Chain chain;
  chain.intermediate_spec.permitted = {MailName("example.org")};
  chain.client_spec.alternative_names = {MailName("a@example.org"), MailName("a@evil.test")};
  EXPECT_EQ(ReasonOf(chain), "name not allowed by its issuer's constraints");
}

TEST(TrustStore, RuleI3ConstraintsOfTheAnchorHoldToo) {
  Chain chain;
  chain.root_spec.permitted = {MailName("example.com")};
  EXPECT_EQ(ReasonOf(chain), "name not allowed by its issuer's constraints");
  chain.root_spec.permitted = {MailName("example.org")};
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(TrustStore, RuleI3AMailAddressInTheSubjectIsConstrainedToo) {
  Chain chain;
  chain.intermediate_spec.permitted = {MailName("example.org")};
  chain.client_spec.subject =
      Name({{"2.5.4.3", Utf8("client")}, {"1.2.840.113549.1.9.1", Ia5("a@evil.test")}});
  EXPECT_EQ(ReasonOf(chain), "name not allowed by its issuer's constraints");
}

// --- rule I4: what is not evaluated does not pass ---------------------------------------

TEST(TrustStore, RuleI4ConstraintsOfKindsThatAreNotEvaluatedMakeTheChainUnusable) {
  const std::string upn = OtherName("1.3.6.1.4.1.311.20.2.3", Utf8("a@example.org"));
  for (const std::string& base : {upn, RegisteredId("1.2.3"), Tlv(0xa3, ""), Tlv(0xa5, "")}) {
    Chain permitted, excluded;
    permitted.intermediate_spec.permitted = {base};
    excluded.intermediate_spec.excluded = {base};
    EXPECT_EQ(ReasonOf(permitted), "name constraints of a kind that is not evaluated");
    EXPECT_EQ(ReasonOf(excluded), "name constraints of a kind that is not evaluated");
  }
}

TEST(TrustStore, RuleI4ConstraintsWithAMinimumOrMaximumMakeTheChainUnusable) {
  Chain chain;
  const std::string subtree = Sequence({MailName("example.org"), Tlv(0x80, "\x01")});
  chain.intermediate_spec.extra = {{"2.5.29.30", true, Sequence({Tlv(0xa0, subtree)})}};
  EXPECT_EQ(ReasonOf(chain), "name constraints of a kind that is not evaluated");
}

// --- certificate policies ----------------------------------------------------------------

constexpr char kOne[] = "1.2.3.1", kTwo[] = "1.2.3.2", kAnyPolicy[] = "2.5.29.32.0";

RawExtension PoliciesExtension(const std::vector<std::string>& policies) {
  std::string content;
  for (const std::string& policy : policies) content += Sequence({Oid(policy)});
  return {"2.5.29.32", false, Tlv(0x30, content)};
}
std::string Count(std::uint8_t tag, int number) {
  return Tlv(tag, std::string(1, static_cast<char>(number)));
}
RawExtension RequirePolicy(int skip) { return {"2.5.29.36", true, Sequence({Count(0x80, skip)})}; }
RawExtension InhibitMapping(int skip) {
  return {"2.5.29.36", true, Sequence({Count(0x80, 0), Count(0x81, skip)})};
}
RawExtension InhibitAny(int skip) { return {"2.5.29.54", true, Count(0x02, skip)}; }
RawExtension Mapping(const char* from, const char* to) {
  return {"2.5.29.33", true, Sequence({Sequence({Oid(from), Oid(to)})})};
}

TEST(TrustStore, RuleI3APolicyThatAnIssuerRequiresMustBeThere) {
  const std::string missing = "no certificate policy, which an issuer requires";
  const auto with = PoliciesExtension;
  const struct {
    const char* what;
    std::vector<RawExtension> root, intermediate, client;
    bool good;
  } kRows[] = {
      {"nothing required", {}, {with({kOne})}, {with({kTwo})}, true},
      {"required and there", {}, {with({kOne}), RequirePolicy(0)}, {with({kOne})}, true},
      {"required and absent", {}, {with({kOne}), RequirePolicy(0)}, {}, false},
      {"required and another", {}, {with({kOne}), RequirePolicy(0)}, {with({kTwo})}, false},
      {"one of several", {}, {with({kTwo, kOne}), RequirePolicy(0)}, {with({kOne})}, true},
      {"issuer has none", {}, {RequirePolicy(0)}, {with({kOne})}, false},
      {"any of the issuer", {}, {with({kAnyPolicy}), RequirePolicy(0)}, {with({kOne})}, true},
      {"any of the client", {}, {with({kOne}), RequirePolicy(0)}, {with({kAnyPolicy})}, true},
      {"any that is inhibited",
       {},
       {with({kOne}), RequirePolicy(0), InhibitAny(0)},
       {with({kAnyPolicy})},
       false},
      {"any that is inhibited one further down",
       {},
       {with({kOne}), RequirePolicy(0), InhibitAny(1)},
       {with({kAnyPolicy})},
       true},
      {"the client does not count", {}, {with({kOne}), RequirePolicy(1)}, {}, false},
      {"nor one behind it", {}, {with({kOne}), RequirePolicy(2)}, {}, true},
      {"required by the root", {RequirePolicy(0)}, {with({kOne})}, {with({kOne})}, true},
      {"by the root, and absent", {RequirePolicy(0)}, {with({kOne})}, {}, false},
      {"by the root, for the second", {RequirePolicy(1)}, {}, {}, false},
      {"by the client itself", {}, {with({kOne})}, {RequirePolicy(0)}, false},
      {"by the client itself, later", {}, {with({kOne})}, {RequirePolicy(1)}, true},
      {"mapped", {}, {with({kOne}), RequirePolicy(0), Mapping(kOne, kTwo)}, {with({kTwo})}, true},
      {"mapped away",
       {},
       {with({kOne}), RequirePolicy(0), Mapping(kOne, kTwo)},
       {with({kOne})},
       false},
      {"mapping of what is not there",
       {},
       {with({kOne}), RequirePolicy(0), Mapping("1.2.3.9", kTwo)},
       {with({kTwo})},
       false},
      {"mapping that is inhibited",
       {InhibitMapping(0)},
       {with({kOne}), Mapping(kOne, kTwo)},
       {with({kTwo})},
       false},
  };
  for (const auto& row : kRows) {
    Chain chain;
    chain.root_spec.extra = row.root;
    chain.intermediate_spec.extra = row.intermediate;
    chain.client_spec.extra = row.client;
    EXPECT_EQ(ReasonOf(chain), row.good ? "" : missing) << row.what;
  }
}

TEST(TrustStore, RuleI4PoliciesThatAreMalformedMakeTheChainUnusable) {
  for (const RawExtension& extension :
       {RawExtension{"2.5.29.36", true, Sequence({})}, RawExtension{"2.5.29.36", true, Utf8("x")},
        RawExtension{"2.5.29.36", true, Sequence({Tlv(0x80, "")})},
        RawExtension{"2.5.29.36", true, Sequence({Tlv(0x82, "\1")})},
        RawExtension{"2.5.29.54", true, Utf8("x")}, RawExtension{"2.5.29.32", true, Utf8("x")},
        RawExtension{"2.5.29.33", true, Sequence({Oid(kOne)})}, Mapping(kAnyPolicy, kOne)}) {
    Chain chain;
    chain.intermediate_spec.extra = {extension};
    EXPECT_EQ(ReasonOf(chain), "malformed certificate policies") << extension.oid;
  }
}

// --- rules I2, I17, I18, I19, T7, T11 ------------------------------------------------------

TEST(TrustStore, RuleI2OnlyTheFirstCertificateIsTheIdentity) {
  Chain chain;
  const Issued intermediate = chain.Intermediate();
  const Issued other =
      Issue(ClientSpec("root@example.org"), SharedKey(KeyType::kEcdsaP256, 5), &intermediate);
  const auto status = VerifyWith(*StoreOf(chain.Root().Pem()),
                                 {chain.Client().der, other.der, chain.Intermediate().der});
  ASSERT_TRUE(status.verified) << status.reason;
  ASSERT_EQ(status.leaf->alternative_names().size(), 1u);
  EXPECT_EQ(status.leaf->alternative_names()[0].value, "alice@example.org");
}

TEST(TrustStore, RuleI17TheAnchorIsFoundByItsKey) {
  Chain chain;
  chain.root_spec.key_identifiers = chain.intermediate_spec.key_identifiers = false;
  CertificateSpec strict = chain.root_spec;
  strict.permitted = {MailName("example.com")};
  const Issued namesake = Issue(strict, SharedKey(KeyType::kEcdsaP384, 8), nullptr);
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  EXPECT_TRUE(VerifyWith(*StoreOf(namesake.Pem() + chain.Root().Pem()), sent).verified);
  EXPECT_TRUE(VerifyWith(*StoreOf(chain.Root().Pem() + namesake.Pem()), sent).verified);
}

TEST(TrustStore, RuleI18TenCertificatesPassAndElevenDoNot) {
  Chain chain;
  const auto store = StoreOf(chain.Root().Pem());
  std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  while (sent.size() < limits::kChainMaxCertificates) sent.push_back(chain.Root().der);
  EXPECT_TRUE(VerifyWith(*store, sent).verified);
  sent.push_back(chain.Root().der);
  EXPECT_EQ(VerifyWith(*store, sent).reason, "certificate chain over limits");
}

TEST(TrustStore, RuleI18OctetsOfTheChainAreLimited) {
  Chain chain;
  const auto store = StoreOf(chain.Root().Pem());
  const auto with_ballast = [&](std::size_t octets) {
    Chain big = chain;
    big.client_spec.extra = {{"1.2.3.4", false, Tlv(0x04, std::string(octets, 'x'))}};
    return std::vector<std::string>{big.Client().der, big.Intermediate().der};
  };
  EXPECT_EQ(VerifyWith(*store, with_ballast(60'000)).reason, "");
  EXPECT_EQ(VerifyWith(*store, with_ballast(66'000)).reason, "certificate chain over limits");
}

TEST(TrustStore, RuleI18ACertificateOverItsNameLimitsGivesNoIdentity) {
  Chain chain;
  chain.client_spec.alternative_names.assign(limits::kSanMaxNames, MailName("a@example.org"));
  EXPECT_EQ(ReasonOf(chain), "");
  chain.client_spec.alternative_names.push_back(MailName("a@example.org"));
  EXPECT_EQ(ReasonOf(chain), "certificate over limits");
}

TEST(TrustStore, RuleI18AnIssuerOverItsNameLimitsGivesNoIdentity) {
  Chain chain;
  const std::vector<Attribute> many(limits::kSubjectMaxAttributes + 1, {"2.5.4.11", Utf8("x")});
  chain.intermediate_spec.subject = Name(many);
  EXPECT_EQ(ReasonOf(chain), "certificate over limits");  // it is the client's issuer name
  chain.intermediate_spec.subject = CommonName("Test Intermediate");
  chain.intermediate_spec.alternative_names.assign(limits::kSanMaxNames + 1, DnsName("x"));
  EXPECT_EQ(ReasonOf(chain), "certificate of an issuer over limits");
}

TEST(TrustStore, RuleI18ConstraintsTimesNamesAreBounded) {
  Chain chain;
  chain.client_spec.alternative_names.assign(97, MailName("a@example.org"));
  // Names: 97, a subject of one attribute, itself; the intermediate's: 0 + 1 + 1.
  chain.intermediate_spec.permitted.assign(99, MailName("example.org"));
  EXPECT_EQ(ReasonOf(chain), "");
  chain.intermediate_spec.permitted.assign(100, MailName("example.org"));
  EXPECT_EQ(ReasonOf(chain), "too many names and name constraints");
}

TEST(TrustStore, RuleI19ACertificateAuthorityIsNotAClient) {
  Chain flag, usage;
  flag.client_spec.ca = true;
  flag.client_spec.key_usage = kDigitalSignature;
  flag.intermediate_spec.path_length.reset();
  EXPECT_EQ(ReasonOf(flag), "certificate authority as client");
  usage.client_spec.key_usage = kDigitalSignature | kKeyCertSign;
  EXPECT_EQ(ReasonOf(usage), "certificate authority as client");
}

TEST(TrustStore, RuleI19AnAnchorThatIsACaIsNotAClient) {
  const Issued root = MakeRoot();
  EXPECT_EQ(VerifyWith(*StoreOf(root.Pem()), {root.der}).reason, "certificate authority as client");
}

TEST(TrustStore, RuleT7WeakKeysAreRefused) {
  for (KeyType type : {KeyType::kRsa1024, KeyType::kEcdsaP192}) {
    Chain leaf, issuer;
    leaf.client_key = SharedKey(type);
    EXPECT_EQ(ReasonOf(leaf), "key too weak");
    issuer.intermediate_type = type;
    EXPECT_EQ(ReasonOf(issuer), "key too weak");
  }
}

TEST(TrustStore, RuleT7WeakSignaturesAreRefused) {
  Chain sha1, md5;
  sha1.client_spec.hash = Key::Hash::kSha1;
  EXPECT_EQ(ReasonOf(sha1), "signature algorithm too weak");
  md5.intermediate_type = KeyType::kRsa2048;
  md5.client_spec.hash = Key::Hash::kMd5;
  EXPECT_EQ(ReasonOf(md5), "signature algorithm too weak");
}

TEST(TrustStore, RuleT7GoodKeysOfEveryKindPass) {
  for (KeyType type :
       {KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kRsa2048, KeyType::kEd25519}) {
    Chain leaf, issuer;
    leaf.client_key = SharedKey(type);
    EXPECT_EQ(ReasonOf(leaf), "");
    issuer.intermediate_type = type;
    EXPECT_EQ(ReasonOf(issuer), "");
  }
}

TEST(TrustStore, RuleT11AnEmptyStoreVerifiesNobody) {
  const Chain chain;
  const auto store = StoreOf("");
  EXPECT_EQ(store->anchors(), 0u);
  EXPECT_EQ(
      VerifyWith(*store, {chain.Client().der, chain.Intermediate().der, chain.Root().der}).reason,
      "unknown CA");
}

TEST(TrustStore, RuleT11AnchorsThatAreNoneAreAnError) {
  EXPECT_FALSE(TrustStore::Make({.anchors_pem = "nothing here"}).ok());
  EXPECT_FALSE(TrustStore::Make({.anchors_pem = "", .crls_pem = "nothing here"}).ok());
}

TEST(TrustStore, NoCertificateIsNoIdentity) {
  const auto status = VerifyWith(*StoreOf(Chain().Root().Pem()), {});
  EXPECT_FALSE(status.verified);
  EXPECT_FALSE(status.leaf);
  EXPECT_EQ(status.reason, "no certificate");
}

TEST(TrustStore, GarbageIsNoIdentity) {
  const auto store = StoreOf(Chain().Root().Pem());
  const auto status = VerifyWith(*store, {"\x30\x03garbage"});
  EXPECT_FALSE(status.verified);
  EXPECT_FALSE(status.leaf);
}

TEST(TrustStore, ServersAreVerifiedForTheirPurpose) {
  Chain chain;
  chain.client_spec = ServerSpec();
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  EXPECT_TRUE(VerifyWith(*store, sent, kNow, Purpose::kTlsServer).verified);
  EXPECT_EQ(VerifyWith(*store, sent, kNow, Purpose::kTlsClient).reason, "wrong key purpose");
}

// --- good but odd -----------------------------------------------------------------------

TEST(GoodButOdd, AChainInAnyOrderWithStrangersInIt) {
  Chain chain;
  const Issued stranger = MakeRoot("Stranger", KeyType::kEcdsaP384, 9);
  const auto status = VerifyWith(*StoreOf(chain.Root().Pem()),
                                 {chain.Client().der, stranger.der, chain.Root().der,
                                  chain.Intermediate().der, chain.Intermediate().der});
  EXPECT_TRUE(status.verified) << status.reason;
}

TEST(GoodButOdd, AnIntermediateAsTheAnchor) {
  Chain chain;
  const auto store = StoreOf(chain.Intermediate().Pem());
  EXPECT_TRUE(VerifyWith(*store, {chain.Client().der}).verified);
  EXPECT_TRUE(VerifyWith(*store, {chain.Client().der, chain.Intermediate().der}).verified);
}

TEST(GoodButOdd, ASelfSignedClientThatIsItsOwnAnchor) {
  const Issued self = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 1), nullptr);
  EXPECT_EQ(VerifyWith(*StoreOf(self.Pem()), {self.der}).reason, "");
}

TEST(GoodButOdd, CrossSigningWhereOnlyOneWayLeadsHome) {
  Chain chain;
  const Issued other_root = MakeRoot("Other Root", KeyType::kEcdsaP384, 9);
  const Issued cross =
      Issue(chain.intermediate_spec, SharedKey(KeyType::kEcdsaP256, 3), &other_root);
  for (const Issued& root : {chain.Root(), other_root}) {
    const auto status =
        VerifyWith(*StoreOf(root.Pem()), {chain.Client().der, cross.der, chain.Intermediate().der});
    EXPECT_TRUE(status.verified) << status.reason;
  }
}

TEST(GoodButOdd, ChainsThatLoopEndInBoundedTime) {
  Chain chain;
  std::vector<std::string> sent = {chain.Client().der};
  CertificateSpec spec = chain.intermediate_spec;
  spec.key_identifiers = false;
  for (int i = 0; i < 9; ++i) {
    spec.serial = std::string(1, static_cast<char>(i + 1));
    sent.push_back(Issue(spec, SharedKey(KeyType::kEcdsaP256, 3), nullptr).der);
  }
  EXPECT_EQ(VerifyWith(*StoreOf(chain.Root().Pem()), sent).reason, "unknown CA");
}

TEST(GoodButOdd, AnEmptySubjectAndACriticalAlternativeName) {
  Chain chain;
  chain.client_spec.subject = Name({});
  chain.client_spec.alternative_names_critical = true;
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(GoodButOdd, NamesOfEveryKindAndText) {
  Chain chain;
  chain.client_spec.subject = Name({{"2.5.4.10", Utf8("Übergröße, Inc.;+\"")},
                                    {"2.5.4.3", Utf8("Ann")},
                                    {"0.9.2342.19200300.100.1.1", Utf8("ann1"), true},
                                    {"2.25.329800735698586629295641978511506172918", Utf8("x")}});
  chain.client_spec.alternative_names = {
      OtherName("1.3.6.1.4.1.311.20.2.3", Utf8("ann@example.org")), RegisteredId("1.2.3.4"),
      DirectoryName(CommonName("x")), IpName(std::string(16, '\0')), MailName("<x@y:z,w>")};
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(GoodButOdd, CriticalPoliciesThatConstrainNothing) {
  Chain chain;
  chain.client_spec.extra = {{"2.5.29.32", true, Sequence({Sequence({Oid("1.2.3.4")})})}};
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(GoodButOdd, AVersion1ClientWithoutExtensions) {
  Chain chain;
  chain.client_spec.version = 1;
  EXPECT_EQ(ReasonOf(chain), "");
}

TEST(GoodButOdd, AnyPurpose) {
  Chain chain;
  chain.client_spec.purposes = {"2.5.29.37.0"};
  EXPECT_EQ(ReasonOf(chain), "");
}

// A CA that signs its next key: the certificate is self-issued and exempt from the name
// constraints. (For the path length GnuTLS counts it, though the standard does not.)
TEST(GoodButOdd, ASelfIssuedAuthorityDoesNotCountForThePathLength) {
  for (const bool too_many : {false, true}) {
    Chain chain;  // whose intermediate has a path length of 0
    const Issued intermediate = chain.Intermediate();
    CertificateSpec spec = chain.intermediate_spec;
    if (too_many) spec.subject = CommonName("Another");
    const Issued next = Issue(spec, SharedKey(KeyType::kEcdsaP256, 4), &intermediate);
    const Issued client = Issue(chain.client_spec, chain.client_key, &next);
    const auto status =
        VerifyWith(*StoreOf(chain.Root().Pem()), {client.der, next.der, intermediate.der});
    EXPECT_EQ(status.reason, too_many ? "path length of a certificate authority exceeded" : "");
  }
}

TEST(GoodButOdd, ASelfIssuedKeyRollover) {
  Chain chain;
  chain.intermediate_spec.path_length.reset();
  chain.intermediate_spec.permitted = {MailName("example.org"),
                                       DirectoryName(CommonName("client"))};
  const Issued intermediate = chain.Intermediate();
  CertificateSpec rollover = chain.intermediate_spec;
  rollover.permitted.clear();
  const Issued next = Issue(rollover, SharedKey(KeyType::kEcdsaP256, 4), &intermediate);
  const Issued client = Issue(chain.client_spec, chain.client_key, &next);
  const auto status =
      VerifyWith(*StoreOf(chain.Root().Pem()), {client.der, next.der, intermediate.der});
  EXPECT_TRUE(status.verified) << status.reason;
}

TEST(GoodButOdd, FarDates) {
  Chain chain;
  chain.client_spec.not_before = -315619200;   // 1960
  chain.client_spec.not_after = 253402300799;  // the end of 9999
  EXPECT_EQ(ReasonOf(chain), "");
}

// --- revocation ----------------------------------------------------------------------------

std::string CrlPem(const CrlSpec& spec, const Issued& issuer) {
  return PemBlock("X509 CRL", MakeCrl(spec, issuer));
}

ChainStatus VerifyWithCrl(const Chain& chain, const std::string& crl, std::int64_t now = kNow) {
  return VerifyWith(*StoreOf(chain.Root().Pem(), crl),
                    {chain.Client().der, chain.Intermediate().der}, now);
}

TEST(Revocation, RuleI3ARevokedLeafIsRefused) {
  Chain chain;
  chain.client_spec.serial = std::string("\x12\x34", 2);
  CrlSpec crl;
  crl.serials = {std::string("\x12\x33", 2), std::string("\x12\x34", 2), std::string("\x01", 1)};
  const auto status = VerifyWithCrl(chain, CrlPem(crl, chain.Intermediate()));
  EXPECT_EQ(status.reason, "certificate revoked");
  EXPECT_FALSE(status.temporary);
  crl.serials = {std::string("\x12\x33", 2), std::string("\x12", 1)};
  EXPECT_EQ(VerifyWithCrl(chain, CrlPem(crl, chain.Intermediate())).reason, "");
}

TEST(Revocation, RuleI3ARevokedIntermediateIsRefused) {
  Chain chain;
  chain.intermediate_spec.serial = "\x05";
  CrlSpec crl;
  crl.serials = {"\x05"};
  EXPECT_EQ(VerifyWithCrl(chain, CrlPem(crl, chain.Root())).reason, "certificate revoked");
}

TEST(Revocation, RuleC3WhatBecomesOfStaleListsIsAChoice) {
  Chain chain;
  chain.client_spec.serial = "\x07";
  const auto ask = [&](OnStale on_stale, const CrlSpec& spec) {
    const auto store = TrustStore::Make({.anchors_pem = chain.Root().Pem(),
                                         .crls_pem = CrlPem(spec, chain.Intermediate()),
                                         .on_stale = on_stale});
    return VerifyWith(*store.value(), {chain.Client().der, chain.Intermediate().der});
  };
  CrlSpec stale, partial;
  stale.next_update = kNow - 1;
  partial.extra = {{"2.5.29.28", true, Sequence({Tlv(0x81, "\xff")})}};
  EXPECT_TRUE(ask(OnStale::kDefer, stale).temporary);
  for (const CrlSpec& spec : {stale, partial}) {
    const ChainStatus rejected = ask(OnStale::kReject, spec);
    EXPECT_FALSE(rejected.verified || rejected.temporary);
    EXPECT_EQ(rejected.reason, "revocation list is out of date or not usable");
  }
  EXPECT_TRUE(ask(OnStale::kAccept, stale).verified);
  EXPECT_TRUE(ask(OnStale::kAccept, partial).temporary) << "it was never usable";
  stale.serials = {"\x07"};
  for (const OnStale on_stale : {OnStale::kDefer, OnStale::kReject, OnStale::kAccept})
    EXPECT_EQ(ask(on_stale, stale).reason, "certificate revoked");
}

TEST(Revocation, RuleC3AListOfOneCaDoesNotFailOthers) {
  Chain chain;
  const Issued other = MakeRoot("Other Root", KeyType::kEcdsaP384, 9);
  CrlSpec stale;
  stale.next_update = kNow - 1;
  EXPECT_EQ(VerifyWithCrl(chain, CrlPem(stale, other)).reason, "");
}

TEST(Revocation, RuleC3AListThatCannotBeUsedDefers) {
  Chain chain;
  const Issued issuer = chain.Intermediate();
  CrlSpec stale, early, forged, endless, partial;
  stale.next_update = kNow - 1;
  early.this_update = kNow + 1;
  forged.break_signature = true;
  endless.next_update.reset();
  partial.extra = {{"2.5.29.28", true, Sequence({Tlv(0x81, "\xff")})}};
  for (const CrlSpec& spec : {stale, early, forged, endless, partial}) {
    const auto status = VerifyWithCrl(chain, CrlPem(spec, issuer));
    EXPECT_EQ(status.reason, "revocation list is out of date or not usable");
    EXPECT_TRUE(status.temporary);
    EXPECT_FALSE(status.verified);
  }
}

TEST(Revocation, RuleC3AListHoldsUntilItsNextUpdate) {
  Chain chain;
  CrlSpec spec;
  spec.next_update = kNow + 60;
  const auto status = VerifyWithCrl(chain, CrlPem(spec, chain.Intermediate()));
  ASSERT_TRUE(status.verified);
  EXPECT_EQ(status.valid_until, kNow + 61);
  EXPECT_EQ(VerifyWithCrl(chain, CrlPem(spec, chain.Intermediate()), kNow + 60).reason, "");
  EXPECT_NE(VerifyWithCrl(chain, CrlPem(spec, chain.Intermediate()), kNow + 61).reason, "");
}

TEST(Revocation, RuleC3AListOfANamesakeSaysNothing) {
  Chain chain;
  Issued namesake = Issue(chain.intermediate_spec, SharedKey(KeyType::kEcdsaP256, 7), nullptr);
  chain.client_spec.serial = "\x05";
  CrlSpec crl;
  crl.serials = {"\x05"};
  EXPECT_EQ(VerifyWithCrl(chain, CrlPem(crl, namesake)).reason, "");
}

TEST(Revocation, RuleC3AnIssuerThatMayNotSignListsHasNone) {
  Chain chain;
  chain.intermediate_spec.key_usage = kKeyCertSign;
  EXPECT_TRUE(VerifyWithCrl(chain, CrlPem({}, chain.Intermediate())).temporary);
}

TEST(Revocation, AMalformedListIsAnErrorAtLoad) {
  EXPECT_FALSE(TrustStore::Make({.crls_pem = PemBlock("X509 CRL", "abc")}).ok());
  EXPECT_FALSE(TrustStore::Make({.crls_pem = "-----BEGIN X509 CRL-----\nMIIB"}).ok());
}

// --- the cache ---------------------------------------------------------------------------

TEST(ChainCache, TheSecondLookIsAHit) {
  Chain chain;
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  const auto first = VerifyWith(*store, sent), second = VerifyWith(*store, sent);
  EXPECT_TRUE(first.verified && second.verified);
  EXPECT_EQ(first.leaf, second.leaf) << "parsed once";
  EXPECT_EQ(store->cache_counters().hits, 1u);
  EXPECT_EQ(store->cache_counters().misses, 1u);
}

TEST(ChainCache, PurposesAndChainsAreKeptApart) {
  Chain chain;
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  EXPECT_TRUE(VerifyWith(*store, sent).verified);
  EXPECT_FALSE(VerifyWith(*store, sent, kNow, Purpose::kTlsServer).verified);
  EXPECT_FALSE(VerifyWith(*store, {sent[0]}).verified);
  EXPECT_FALSE(VerifyWith(*store, {sent[0] + sent[1]}).verified);
  EXPECT_EQ(store->cache_counters().hits, 0u);
}

TEST(ChainCache, AnEntryEndsWithTheCertificate) {
  Chain chain;
  chain.client_spec.not_after = kNow + 10;
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  EXPECT_TRUE(VerifyWith(*store, sent).verified);
  EXPECT_TRUE(VerifyWith(*store, sent, kNow + 10).verified);
  EXPECT_EQ(VerifyWith(*store, sent, kNow + 11).reason, "certificate expired");
}

TEST(ChainCache, EntriesAreLookedAtAgainAfterTheirTime) {
  Chain chain;
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  const auto age = static_cast<std::int64_t>(limits::kChainCacheMaxAgeSeconds);
  EXPECT_EQ(VerifyWith(*store, sent).valid_until, kNow + age);
  VerifyWith(*store, sent, kNow + age - 1);
  EXPECT_EQ(store->cache_counters().hits, 1u);
  VerifyWith(*store, sent, kNow + age);
  EXPECT_EQ(store->cache_counters().misses, 2u);
}

TEST(ChainCache, ABadChainIsRememberedBriefly) {
  const Issued self = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 1), nullptr);
  const auto store = StoreOf(Chain().Root().Pem());
  const auto age = static_cast<std::int64_t>(limits::kChainCacheBadMaxAgeSeconds);
  VerifyWith(*store, {self.der});
  VerifyWith(*store, {self.der}, kNow + age - 1);
  EXPECT_EQ(store->cache_counters().hits, 1u);
  VerifyWith(*store, {self.der}, kNow + age);
  EXPECT_EQ(store->cache_counters().misses, 2u);
}

TEST(ChainCache, AClockThatGoesBackIsNotBelieved) {
  Chain chain;
  chain.client_spec.not_before = kNow;
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  EXPECT_TRUE(VerifyWith(*store, sent).verified);
  EXPECT_EQ(VerifyWith(*store, sent, kNow - 1).reason, "certificate not yet valid");
}

TEST(ChainCache, RuleR7TheLongestUnusedEntryGoesFirst) {
  ChainCache cache(80, 8);  // ten and one per shard
  ChainStatus good;
  good.verified = true;
  good.valid_until = kNow + 1000;
  for (int i = 0; i < 1000; ++i) cache.Put(Sha256(std::to_string(i)), good, kNow);
  EXPECT_LE(cache.size(), 80u);
  EXPECT_TRUE(cache.Find(Sha256("999"), kNow));
  EXPECT_FALSE(cache.Find(Sha256("0"), kNow));
}

TEST(ChainCache, RuleR7BadChainsDoNotPushOutGoodOnes) {
  ChainCache cache(80, 8);
  ChainStatus good, bad;
  good.verified = true;
  good.valid_until = bad.valid_until = kNow + 60;
  cache.Put(Sha256("good"), good, kNow);
  for (int i = 0; i < 1000; ++i) cache.Put(Sha256(std::to_string(i)), bad, kNow);
  EXPECT_LE(cache.size(), 9u);
  EXPECT_TRUE(cache.Find(Sha256("good"), kNow));
}

TEST(ChainCache, AStatusThatChangesSidesIsThereOnce) {
  ChainCache cache(80, 80);
  ChainStatus status;
  status.valid_until = kNow + 60;
  cache.Put("key", status, kNow);
  status.verified = true;
  cache.Put("key", status, kNow);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_TRUE(cache.Find("key", kNow)->verified);
}

TEST(TrustStore, RuleR8WhatCannotPassCostsNoSignature) {
  // Broken signatures, and yet the reason is the flaw that is cheap to find.
  Chain chain;
  chain.client_spec.break_signature = chain.intermediate_spec.break_signature = true;
  chain.client_spec.not_after = kNow - 1;
  EXPECT_EQ(ReasonOf(chain), "certificate expired");
}

TEST(TrustStore, RuleI16LocationsInCertificatesAreNotFetched) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 5), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string url =
      UriName("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  const auto access = [&](const char* method) { return Sequence({Oid(method), url}); };
  const std::string point = Sequence({Tlv(0xa0, Tlv(0xa0, url))});
  Chain chain;
  chain.client_spec.extra = {
      {"1.3.6.1.5.5.7.1.1", false,
       Sequence({access("1.3.6.1.5.5.7.48.1"), access("1.3.6.1.5.5.7.48.2")})},
      {"2.5.29.31", false, Sequence({point})}};
  EXPECT_EQ(ReasonOf(chain), "");
  EXPECT_EQ(VerifyWith(*StoreOf(chain.Root().Pem()), {chain.Client().der}).reason, "unknown CA");
  EXPECT_EQ(accept(listener, nullptr, nullptr), -1) << "somebody came";
  close(listener);
}

TEST(TrustStore, ThreadsMayVerifyAtOnce) {
  Chain chain;
  const auto store = StoreOf(chain.Root().Pem());
  const std::vector<std::string> sent = {chain.Client().der, chain.Intermediate().der};
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k)
        if (VerifyWith(*store, sent, kNow + i * 4000 + k).verified) ++good;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

}  // namespace
}  // namespace signet::crypto
