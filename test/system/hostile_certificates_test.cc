// A corpus of certificates, each with one flaw or one trick, shown to a running gateway over
// real TLS: under the manual's configuration with a directory, and under permissive ones
// that take whatever name a certificate has as the identity. None of them becomes somebody it
// should not; about as many good but odd ones become who they are. Each row has its rule of
// doc/security.md.
#include <gmock/gmock.h>

#include <chrono>
#include <functional>

#include "src/base/codec.h"
#include "test/support/certificates.h"
#include "test/system/world.h"

namespace signet::test {
namespace {

using namespace signet::testing;       // NOLINT: the maker's vocabulary
using namespace std::string_literals;  // NOLINT: octets with NUL among them

constexpr char kUpn[] = "1.3.6.1.4.1.311.20.2.3", kSmtpUtf8[] = "1.3.6.1.5.5.7.8.9";
constexpr char kCn[] = "2.5.4.3", kEmail[] = "1.2.840.113549.1.9.1";

struct Presented {
  std::vector<std::string> chain;  // DER, leaf first
  Key key;
};

using Change = std::function<void(CertificateSpec&)>;

Key KeyOf(int number, KeyType type = KeyType::kEcdsaP256) { return SharedKey(type, number); }

std::string Organisation() { return Name({{"2.5.4.10", Utf8("Example Org")}}); }

CertificateSpec Alice() {
  CertificateSpec spec = ClientSpec("alice@example.org");
  spec.subject = Organisation();
  return spec;
}

CertificateSpec Authority(std::string_view name = "Row Authority") {
  CertificateSpec spec;
  spec.subject = CommonName(name);
  spec.ca = true;
  spec.path_length = 0;
  spec.key_usage = kKeyCertSign | kCrlSign;
  return spec;
}

// The authorities that the gateways know, and what they make.
struct Pki {
  Issued root = MakeRoot("Corpus Root", KeyType::kEcdsaP384, 300);
  Issued intermediate = MakeIntermediate(root, "Corpus Intermediate", KeyType::kEcdsaP256, 301);
  Issued revoked_ca = MakeIntermediate(root, "Revoked Intermediate", KeyType::kEcdsaP256, 302);
  Issued revoked_leaf = Issue(Alice(), KeyOf(310), &intermediate);
  // Nobody knows these; the first has the root's name.
  Issued twin = MakeRoot("Corpus Root", KeyType::kEcdsaP384, 303);
  Issued stranger = MakeRoot("Stranger", KeyType::kEcdsaP384, 304);

  static const Pki& Get() {
    static const Pki pki;
    return pki;
  }
  std::string Crls() const {
    CrlSpec of_root, of_intermediate;
    of_root.serials = {SerialOf(revoked_ca.der)};
    of_intermediate.serials = {SerialOf(revoked_leaf.der)};
    return PemBlock("X509 CRL", MakeCrl(of_root, root)) +
           PemBlock("X509 CRL", MakeCrl(of_intermediate, intermediate));
  }
};

Presented Client(const CertificateSpec& spec, const Key& key = KeyOf(310)) {
  const Pki& pki = Pki::Get();
  return {{Issue(spec, key, &pki.intermediate).der, pki.intermediate.der}, key};
}
Presented Client(const Change& change, const Key& key = KeyOf(310)) {
  CertificateSpec spec = Alice();
  change(spec);
  return Client(spec, key);
}

// Under an authority of its own, which the root signed.
Presented Under(const Change& change_authority, const Change& change_leaf = nullptr,
                const Key& authority_key = KeyOf(311)) {
  CertificateSpec ca = Authority(), leaf = Alice();
  change_authority(ca);
  if (change_leaf) change_leaf(leaf);
  const Issued authority = Issue(ca, authority_key, &Pki::Get().root);
  return {{Issue(leaf, KeyOf(310), &authority).der, authority.der}, KeyOf(310)};
}

Presented Named(std::vector<std::string> names) {
  return Client([&](CertificateSpec& spec) { spec.alternative_names = std::move(names); });
}
Presented Mail(std::string_view octets) { return Named({MailName(octets)}); }
Presented Subject(const std::vector<Attribute>& attributes) {
  return Client([&](CertificateSpec& spec) {
    spec.alternative_names.clear();
    spec.subject = Name(attributes);
  });
}
Presented Cn(const std::string& value) { return Subject({{kCn, value}}); }

// --- the hostile ones ---------------------------------------------------------------------

struct Hostile {
  const char* rule;
  const char* what;
  std::function<Presented()> make;
  // Who it is to those who take any mail name or any CN; "" is nobody. "?" is anything but
  // somebody of the directory.
  std::string by_mail, by_cn;
  bool verifies = false;
};
void PrintTo(const Hostile& row, std::ostream* out) { *out << row.rule << " " << row.what; }

std::vector<Hostile> Chains() {
  const auto client = [](Change change) { return [=] { return Client(change); }; };
  const auto under = [](Change ca, Change leaf = nullptr) {
    return [=] { return Under(ca, leaf); };
  };
  using Spec = CertificateSpec;
  return {
      {"I3", "Expired", client([](Spec& s) { s.not_after = kYear2020 + 86400; })},
      {"I3", "NotYetValid", client([](Spec& s) { s.not_before = kYear2120 - 86400; })},
      {"I3", "EndsBeforeItBegins",
       client([](Spec& s) { s.not_before = kYear2120, s.not_after = kYear2020; })},
      {"I3", "IssuerExpired", under([](Spec& s) { s.not_after = kYear2020 + 86400; })},
      {"I3", "IssuerNotYetValid", under([](Spec& s) { s.not_before = kYear2120 - 86400; })},
      {"I3", "Revoked",
       [] {
         const Pki& pki = Pki::Get();
         return Presented{{pki.revoked_leaf.der, pki.intermediate.der}, KeyOf(310)};
       }},
      {"I3", "IssuerRevoked",
       [] {
         const Pki& pki = Pki::Get();
         return Presented{{Issue(Alice(), KeyOf(310), &pki.revoked_ca).der, pki.revoked_ca.der},
                          KeyOf(310)};
       }},
      {"I3", "ForServersOnly", client([](Spec& s) { s.purposes = {std::string(kServerAuth)}; })},
      {"I3", "ForMailOnly", client([](Spec& s) { s.purposes = {"1.3.6.1.5.5.7.3.4"}; })},
      {"I3", "ForCodeOnly", client([](Spec& s) { s.purposes = {"1.3.6.1.5.5.7.3.3"}; })},
      {"I3", "PurposeMalformed", client([](Spec& s) {
         s.purposes.clear();
         s.extra = {{"2.5.29.37", false, Utf8("x")}};
       })},
      {"I3", "IssuerForServersOnly",
       under([](Spec& s) { s.purposes = {std::string(kServerAuth)}; })},
      {"I3", "KeyForEncryptionOnly", client([](Spec& s) { s.key_usage = kKeyEncipherment; })},
      {"I3", "IssuerMayNotSign", under([](Spec& s) { s.key_usage = kDigitalSignature; })},
      {"I3", "IssuerIsNoAuthority", under([](Spec& s) {
         s.ca = false;
         s.path_length.reset();
       })},
      {"I3", "IssuerWithoutBasicConstraints", under([](Spec& s) {
         s.ca.reset();
         s.path_length.reset();
       })},
      {"I3", "IssuerOfVersion1", under([](Spec& s) { s.version = 1; })},
      {"I3", "IssuedByAClient",
       [] {
         const Pki& pki = Pki::Get();
         CertificateSpec mallory = ClientSpec("mallory@example.org");
         const Issued client = Issue(mallory, KeyOf(312), &pki.intermediate);
         return Presented{
             {Issue(Alice(), KeyOf(310), &client).der, client.der, pki.intermediate.der},
             KeyOf(310)};
       }},
      {"I3", "PathLengthExceeded",
       [] {
         const Pki& pki = Pki::Get();  // whose intermediate may have clients below it only
         const Issued below = Issue(Authority(), KeyOf(311), &pki.intermediate);
         return Presented{{Issue(Alice(), KeyOf(310), &below).der, below.der, pki.intermediate.der},
                          KeyOf(310)};
       }},
      {"I3", "MailOfAnotherDomain",
       under([](Spec& s) { s.permitted = {MailName("example.net")}; })},
      {"I3", "MailExcluded", under([](Spec& s) { s.excluded = {MailName("example.org")}; })},
      {"I3", "MailExcludedInOtherCase",
       under([](Spec& s) { s.excluded = {MailName("EXAMPLE.ORG")}; },
             [](Spec& s) { s.alternative_names = {MailName("alice@eXample.org")}; })},
      {"I3", "MailboxExcludedInOtherCase",
       under([](Spec& s) { s.excluded = {MailName("Alice@example.org")}; })},
      {"I3", "HostOfAPermittedDomain",
       under([](Spec& s) { s.permitted = {MailName("example.org")}; },
             [](Spec& s) { s.alternative_names = {MailName("alice@mx.example.org")}; })},
      {"I3", "PermittedDomainInAQuotedLocalPart",
       under([](Spec& s) { s.permitted = {MailName("example.net")}; },
             [](Spec& s) { s.alternative_names = {MailName("\"x@example.net\"@example.org")}; })},
      {"I3", "MailInTheSubjectOutsideTheConstraints",
       under([](Spec& s) { s.permitted = {MailName("example.org")}; },
             [](Spec& s) {
               s.subject = Name({{kEmail, Ia5("alice@evil.test")}});
             })},
      {"I3", "InternationalMailOutsideTheConstraints",
       under([](Spec& s) { s.permitted = {MailName("example.org")}; },
             [](Spec& s) {
               s.alternative_names.push_back(OtherName(kSmtpUtf8, Utf8("\xc3\xa9ve@evil.test")));
             })},
      {"I3", "OneNameOfTwoOutsideTheConstraints",
       under([](Spec& s) { s.permitted = {MailName("example.org")}; },
             [](Spec& s) { s.alternative_names.push_back(MailName("x@evil.test")); })},
      {"I3", "DirectoryNameOutsideTheConstraints",
       under([](Spec& s) { s.permitted = {DirectoryName(CommonName("x"))}; })},
      {"I3", "DirectoryNameExcluded",
       under([](Spec& s) { s.excluded = {DirectoryName(Organisation())}; })},
      {"I4", "ConstraintsOnUpns",
       under([](Spec& s) { s.excluded = {OtherName(kUpn, Utf8("x@example.com"))}; })},
      {"I4", "ConstraintsWithAMinimum", under([](Spec& s) {
         s.extra = {
             {"2.5.29.30", true,
              Sequence({Tlv(0xa0, Sequence({MailName("example.org"), Tlv(0x80, "\x01")}))})}};
       })},
      {"I4", "ConstraintsMalformed", under([](Spec& s) {
         s.extra = {{"2.5.29.30", false, Utf8("x")}};
       })},
      {"I4", "UnknownCriticalExtension", client([](Spec& s) {
         s.extra = {{"1.2.3.4.5", true, Utf8("x")}};
       })},
      {"I4", "UnknownCriticalExtensionOfTheIssuer", under([](Spec& s) {
         s.extra = {{"1.2.3.4.5", true, Utf8("x")}};
       })},
      {"I4", "PolicyIsRequiredAndThereIsNone", under([](Spec& s) {
         s.extra = {{"2.5.29.36", true, Sequence({Tlv(0x80, std::string_view("\0", 1))})}};
       })},
      {"T7", "SignedWithMd5",
       [] {
         const Issued authority =
             Issue(Authority(), KeyOf(313, KeyType::kRsa2048), &Pki::Get().root);
         CertificateSpec spec = Alice();
         spec.hash = Key::Hash::kMd5;
         return Presented{{Issue(spec, KeyOf(310), &authority).der, authority.der}, KeyOf(310)};
       }},
      {"T7", "SignedWithSha1", client([](Spec& s) { s.hash = Key::Hash::kSha1; })},
      {"T7", "IssuerSignedWithSha1", under([](Spec& s) { s.hash = Key::Hash::kSha1; })},
      {"T7", "Rsa1024", [] { return Client(Alice(), KeyOf(314, KeyType::kRsa1024)); }},
      {"T7", "P192", [] { return Client(Alice(), KeyOf(315, KeyType::kEcdsaP192)); }},
      {"T7", "IssuerWithRsa1024",
       [] { return Under([](Spec&) {}, nullptr, KeyOf(316, KeyType::kRsa1024)); }},
      {"I3", "BrokenSignature", client([](Spec& s) { s.break_signature = true; })},
      {"I3", "BrokenSignatureOfTheIssuer", under([](Spec& s) { s.break_signature = true; })},
      {"I3", "SelfSigned",
       [] {
         return Presented{{Issue(Alice(), KeyOf(310), nullptr).der}, KeyOf(310)};
       }},
      {"I17", "SelfSignedInTheNameOfTheIssuer",
       [] {
         CertificateSpec spec = Alice();
         spec.issuer = Pki::Get().intermediate.subject;
         return Presented{{Issue(spec, KeyOf(310), nullptr).der, Pki::Get().intermediate.der},
                          KeyOf(310)};
       }},
      {"I3", "UnknownAuthority",
       [] {
         const Pki& pki = Pki::Get();
         return Presented{{Issue(Alice(), KeyOf(310), &pki.stranger).der, pki.stranger.der},
                          KeyOf(310)};
       }},
      {"I17", "AuthorityOfTheRootsNameWithAnotherKey",
       [] {
         const Pki& pki = Pki::Get();
         return Presented{{Issue(Alice(), KeyOf(310), &pki.twin).der, pki.twin.der}, KeyOf(310)};
       }},
      {"I17", "TheSameWithoutKeyIdentifiers",
       [] {
         const Pki& pki = Pki::Get();
         CertificateSpec spec = Alice();
         spec.key_identifiers = false;
         return Presented{{Issue(spec, KeyOf(310), &pki.twin).der, pki.root.der}, KeyOf(310)};
       }},
      {"I17", "IntermediateOfTheTwinUnderTheRealRoot",
       [] {
         const Pki& pki = Pki::Get();
         CertificateSpec spec = Authority();
         spec.key_identifiers = false;
         const Issued below = Issue(spec, KeyOf(311), &pki.twin);
         return Presented{{Issue(Alice(), KeyOf(310), &below).der, below.der}, KeyOf(310)};
       }},
      {"I3", "MissingIntermediate",
       [] {
         Presented presented = Client(Alice());
         presented.chain.resize(1);
         return presented;
       }},
      {"R8", "AuthoritiesThatSignEachOther",
       [] {
         CertificateSpec a = Authority("Loop A"), b = Authority("Loop B");
         a.path_length.reset(), b.path_length.reset();
         a.key_identifiers = b.key_identifiers = false;
         const Issued b_self = Issue(b, KeyOf(318), nullptr);
         const Issued a_by_b = Issue(a, KeyOf(317), &b_self);
         const Issued b_by_a = Issue(b, KeyOf(318), &a_by_b);
         Presented presented{{Issue(Alice(), KeyOf(310), &a_by_b).der}, KeyOf(310)};
         for (int i = 0; i < 4; ++i) {
           presented.chain.push_back(a_by_b.der);
           presented.chain.push_back(b_by_a.der);
         }
         return presented;
       }},
      {"I18", "ElevenCertificates",
       [] {
         Presented presented = Client(Alice());
         while (presented.chain.size() < 11) presented.chain.push_back(Pki::Get().stranger.der);
         return presented;
       }},
      {"I19", "AnAuthorityAsClient", client([](Spec& s) { s.ca = true; })},
      {"I19", "AClientThatMaySignCertificates",
       client([](Spec& s) { s.key_usage = kDigitalSignature | kKeyCertSign; })},
      {"I19", "TheIntermediateItself",
       [] {
         const Pki& pki = Pki::Get();
         return Presented{{pki.intermediate.der}, pki.intermediate.key};
       }},
      {"I19", "TheRootItself",
       [] {
         const Pki& pki = Pki::Get();
         return Presented{{pki.root.der}, pki.root.key};
       }},
      {"I3", "OctetsBehindTheCertificate",
       [] {
         Presented presented = Client(Alice());
         presented.chain[0] += "x";
         return presented;
       }},
      {"I3", "NoCertificateAtAll",
       [] {
         return Presented{{"\x30\x00"s}, KeyOf(310)};
       }},
      {"I3", "Garbage",
       [] {
         return Presented{{std::string(500, 'x')}, KeyOf(310)};
       }},
      {"I3", "RepeatedNames", client([](Spec& s) {
         s.extra = {{"2.5.29.17", false, Sequence({MailName("bob@example.org")})}};
       })},
      {"I3", "RepeatedBasicConstraints", client([](Spec& s) {
         s.extra = {{"2.5.29.19", false, Sequence({})}};
       })},
      {"I3", "NamesMalformed", client([](Spec& s) {
         s.alternative_names.clear();
         s.extra = {{"2.5.29.17", false,
                     "\x30\x05\x81\x7f"
                     "alice"}};
       })},
      {"I1", "AliceWithTheKeyOfMallory",
       [] {
         Presented presented = Client(Alice());
         presented.key = KeyOf(319);
         return presented;
       }},
      {"I18", "MoreThanAHundredNames", client([](Spec& s) {
         for (int i = 0; i < 100; ++i) s.alternative_names.push_back(DnsName("h.example"));
       })},
      {"I18", "ThousandsOfNames", client([](Spec& s) {
         for (int i = 0; i < 3000; ++i) s.alternative_names.push_back(MailName("a@b.example"));
       })},
      {"I18", "ANameOverItsLimit",
       client([](Spec& s) { s.alternative_names.push_back(DnsName(std::string(1025, 'x'))); })},
      {"I18", "AllNamesOverTheirLimit", client([](Spec& s) {
         for (int i = 0; i < 17; ++i)
           s.alternative_names.push_back(DnsName(std::string(1000, 'x')));
       })},
      {"I18", "ASubjectOverItsLimit", client([](Spec& s) {
         s.subject = Name(std::vector<Attribute>(65, {"2.5.4.11", Utf8("unit")}));
       })},
      {"R8", "NamesTimesConstraints",
       under(
           [](Spec& s) {
             for (int i = 0; i < 200; ++i)
               s.excluded.push_back(MailName("n" + std::to_string(i) + ".example"));
           },
           [](Spec& s) {
             for (int i = 0; i < 99; ++i) s.alternative_names.push_back(DnsName("h.example"));
           })},
  };
}

// Certificates without a flaw whose names are the trick.
std::vector<Hostile> Names() {
  const auto mail = [](std::string octets) { return [=] { return Mail(octets); }; };
  const auto named = [](std::vector<std::string> names) { return [=] { return Named(names); }; };
  const auto cn = [](std::string value) { return [=] { return Cn(value); }; };
  const auto literally = [&](const char* rule, const char* what, const std::string& octets) {
    return Hostile{rule, what, mail(octets), octets, ""};
  };
  return {
      {"I6", "NulBehindTheAddress", mail("alice@example.org\0.evil.test"s)},
      {"I6", "NulBeforeTheAddress", mail("\0alice@example.org"s)},
      {"I6", "NulInTheMiddle", mail("alice\0@example.org"s)},
      {"I6", "NewlineBehindTheAddress", mail("alice@example.org\n")},
      {"I6", "NewlineAndAnotherAddress", mail("mallory@evil.test\nalice@example.org")},
      {"I6", "CarriageReturn", mail("alice@example.org\r")},
      {"I6", "Delete", mail("alice@example.org\x7f")},
      {"I6", "OctetsBeyondAscii", mail("alic\xe9@example.org")},
      {"I6", "OverlongUtf8", mail("alic\xc1\xa5@example.org")},
      {"I11", "EmptyName", mail("")},
      {"I10", "BlankBefore", mail(" alice@example.org")},
      {"I10", "BlankBehind", mail("alice@example.org ")},
      {"I10", "OnlyABlank", mail(" ")},
      literally("I7", "Separator", "mallory@evil.test:alice@example.org"),
      literally("I7", "SeparatorWithBlanks", "mallory@evil.test : alice@example.org"),
      literally("I7", "DoubledSeparator", "mallory@evil.test::alice@example.org"),
      literally("I7", "ListPrefix", "<;mallory@evil.test;alice@example.org"),
      literally("I7", "ListPrefixThatMakesOneElement", "<,alice@example.org"),
      literally("I7", "Negation", "!alice@example.org"),
      literally("I7", "NamedList", "+all"),
      literally("I7", "Lookup", "lsearch;/etc/passwd"),
      literally("I7", "Comma", "mallory@evil.test,alice@example.org"),
      literally("I9", "WildcardAlone", "*"),
      literally("I9", "WildcardOfTheDomain", "*@example.org"),
      literally("L2", "FilterSyntax", "*)(mailname=alice@example.org"),
      literally("L2", "FilterSyntaxEscaped", "\\2a@example.org"),
      literally("L2", "DistinguishedNameSyntax",
                "x,ou=users,dc=example,dc=org+mailname=alice@example.org"),
      literally("L2", "DistinguishedNameEnd",
                "alice@example.org,ou=users,dc=example,dc=org?mailid?base"),
      literally("L2", "AnotherAttribute", "x+mailname=alice@example.org"),
      literally("L2", "UrlEscapes", "alice%40example.org"),
      literally("L2", "UrlQuestionMarks", "?mailid?sub?(mailname=alice@example.org)"),
      literally("L2", "QuotedPair", "\\61lice@example.org"),
      literally("E1", "ExpansionSyntax", "${lookup{alice}lsearch{/etc/passwd}}"),
      literally("E1", "VariableSyntax", "$sender_address"),
      literally("E1", "OperatorSyntax", "${lc:ALICE@example.org}"),
      literally("I9", "DigitsForLetters", "a1ice@example.org"),
      literally("I9", "DomainBelowAnotherOne", "alice@example.org.evil.test"),
      literally("I9", "RootDot", "alice@example.org."),
      literally("I9", "TwoAtSigns", "alice@example.org@evil.test"),
      literally("I9", "QuotedLocalPart", "\"alice@example.org\"@evil.test"),
      literally("I9", "QuotedForm", "\"alice\"@example.org"),
      literally("I9", "AngleBrackets", "<alice@example.org>"),
      literally("I9", "DisplayName", "Alice <alice@example.org>"),
      literally("I9", "Comment", "alice(me)@example.org"),
      literally("I9", "Scheme", "mailto:alice@example.org"),
      literally("I9", "ALabelOfALookAlike", "alice@xn--exmple-cua.org"),
      literally("I9", "Subaddress", "alice+x@example.org"),
      literally("I9", "ClosedAccount", "zero@example.org"),
      literally("I9", "AccountWithoutANumber", "noid@example.org"),
      literally("I14", "AccountNumberThatIsNone", "word@example.org"),
      {"I5", "NoNameAtAll", named({})},
      {"I5", "DnsNameWithAMailbox", named({DnsName("alice@example.org")})},
      {"I5", "UriWithAMailbox", named({UriName("mailto:alice@example.org")})},
      {"I5", "UpnWithAMailbox", named({OtherName(kUpn, Utf8("alice@example.org"))})},
      {"I5", "InternationalFormOfAnAsciiMailbox",
       named({OtherName(kSmtpUtf8, Utf8("alice@example.org"))})},
      {"I5", "XmppAddress", named({OtherName("1.3.6.1.5.5.7.8.5", Utf8("alice@example.org"))})},
      {"I5", "UnknownOtherName", named({OtherName("1.2.3.4", Utf8("alice@example.org"))})},
      {"I5", "DirectoryNameWithAMailbox",
       named({DirectoryName(Name({{kEmail, Ia5("alice@example.org")}}))})},
      {"I5", "RegisteredId", named({RegisteredId("1.2.3")})},
      {"I5", "AddressOctetsThatSpellAMailbox", named({IpName("a@b.")})},
      {"I5", "MailboxInTheSubjectsMailAttribute",
       [] {
         return Subject({{kEmail, Ia5("alice@example.org")}});
       }},
      {"I5", "MailboxAsOrganisation",
       [] {
         return Subject({{"2.5.4.10", Utf8("alice@example.org")}});
       }},
      {"I5", "MailboxAsUserId",
       [] {
         return Subject({{"0.9.2342.19200300.100.1.1", Utf8("alice@example.org")}});
       }},
      {"I12", "TwoAccounts", named({MailName("alice@example.org"), MailName("bob@example.org")})},
      {"I12", "AnAccountAndAStranger",
       named({MailName("x@evil.test"), MailName("alice@example.org")})},
      {"I12", "TheSameAccountTwice",
       named({MailName("alice@example.org"), MailName("alice@example.org")})},
      {"I8", "CnInsideAnotherAttribute",
       [] {
         return Subject({{"2.5.4.10", Utf8("x,CN=alice@example.org")}});
       }},
      {"I8", "CnBehindANewlineOfAnotherAttribute",
       [] {
         return Subject({{"2.5.4.10", Utf8("x\nCN=alice@example.org")}});
       }},
      {"I8", "TwoCns",
       [] {
         return Subject({{kCn, Utf8("alice")}, {kCn, Utf8("mallory")}});
       }},
      {"I8", "TwoCnsInOneRdn",
       [] {
         return Subject({{kCn, Utf8("alice")}, {kCn, Utf8("bob"), true}});
       }},
      {"I8", "DistinguishedNameInACn", cn(Utf8("mallory,CN=alice@example.org")), "", "?"},
      {"I8", "PlusInACn", cn(Utf8("mallory+CN=alice@example.org")), "", "?"},
      {"I7", "SeparatorInACn", cn(Utf8("mallory:alice@example.org")), "", "?"},
      {"I7", "ListPrefixInACn", cn(Utf8("<;mallory;alice@example.org")), "", "?"},
      {"I6", "NulInACn", cn(Utf8("alice@example.org\0x"s))},
      {"I6", "NewlineInACn", cn(Utf8("alice@example.org\nx"))},
      {"I6", "C1ControlInACn", cn(Utf8("alice@example.org\xc2\x85"))},
      {"I6", "Utf8ThatIsNone", cn(Utf8("alice@example.org\xff"))},
      {"I6", "OverlongUtf8InACn", cn(Utf8("alic\xc1\xa5@example.org"))},
      {"I6", "BmpOfOddLength", cn(Tlv(0x1e, "\0a\0l\0"s))},
      {"I6", "BmpWithASurrogate", cn(Tlv(0x1e, "\xd8\x3d\xde\x00"s))},
      {"I6", "BmpWithANul", cn(Tlv(0x1e, "\0a\0\0\0x"s))},
      {"I6", "UniversalBeyondUnicode", cn(Tlv(0x1c, "\0\x11\0\0"s))},
      {"I6", "TeletexBeyondAscii",
       cn(Tlv(0x14,
              "alic\xc2"
              "e@example.org"))},
      {"I6", "PrintableWithAnAtSign", cn(Tlv(0x13, "alice@example.org"))},
      {"I6", "NumericWithLetters", cn(Tlv(0x12, "alice"))},
      {"I6", "OctetStringAsText", cn(Tlv(0x04, "alice@example.org"))},
      {"I9", "CyrillicLetter", cn(Utf8("\xd0\xb0lice@example.org")), "", "?"},
      {"I9", "DecomposedLetter", cn(Utf8("alice\xcc\x81@example.org")), "", "?"},
      {"I9", "FullWidthLetters", cn(Utf8("\xef\xbd\x81lice@example.org")), "", "?"},
      {"I9", "ZeroWidthSpace", cn(Utf8("alice\xe2\x80\x8b@example.org")), "", "?"},
      {"I9", "SoftHyphen",
       cn(Utf8("ali\xc2\xad"
               "ce@example.org")),
       "", "?"},
      {"I9", "DotlessI",
       cn(Utf8("al\xc4\xb1"
               "ce@example.org")),
       "", "?"},
      {"I2", "AliceInTheSecondCertificate",
       [] {
         Presented presented = Client(ClientSpec("mallory@example.org"));
         presented.chain.push_back(Client(Alice()).chain[0]);
         return presented;
       },
       "mallory@example.org", "client"},
  };
}

std::vector<Hostile> AllHostile() {
  std::vector<Hostile> all = Chains();
  for (Hostile& row : Names()) {
    row.verifies = true;
    all.push_back(std::move(row));
  }
  return all;
}

// --- the world ----------------------------------------------------------------------------

// Addresses with everything that query languages, lists and names have a use for.
const std::vector<std::string>& OddAddresses() {
  static const std::vector<std::string> all = {"o'brien@example.org",
                                               "a+b@example.org",
                                               "x=y@example.org",
                                               "a,b@example.org",
                                               "#hash@example.org",
                                               "per%cent@example.org",
                                               "semi;colon@example.org",
                                               "co:lon@example.org",
                                               "<angle>@example.org",
                                               "st*r@example.org",
                                               "(paren)@example.org",
                                               "a&b@example.org",
                                               "sl/ash@example.org",
                                               "{brace}@example.org",
                                               "$dollar@example.org",
                                               "q?mark@example.org",
                                               "pi|pe@example.org",
                                               "!bang@example.org",
                                               "ti~lde@example.org",
                                               "back\\slash@example.org",
                                               "\"quoted\"@example.org",
                                               "two words@example.org",
                                               "<;prefix@example.org",
                                               "x@[192.0.2.1]",
                                               "a.b.c@sub.example.org",
                                               "-dash@example.org",
                                               "_under@example.org",
                                               "1@example.org",
                                               "no-at-sign",
                                               std::string(64, 'l') + "@example.org"};
  return all;
}

// RFC 4514, as hexadecimal pairs throughout.
std::string InDn(const std::string& value) {
  std::string out;
  for (char c : value) out += "\\" + HexLower({&c, 1});
  return out;
}

std::string OddAccounts() {
  std::string ldif;
  for (const std::string& address : OddAddresses())
    ldif += "dn:: " + EncodeBase64("mailname=" + InDn(address) + ",ou=users,dc=example,dc=org") +
            "\nobjectClass: mailAccount\nmailname:: " + EncodeBase64(address) +
            "\nmailid: 2000\n\n";
  return ldif;
}

class Corpus : public ::testing::Test {
 protected:
  struct Running {
    TempDir directory;
    Slapd slapd{OddAccounts()};
    Upstream upstream;
    std::unique_ptr<Gateway> manual, by_mail, by_cn, by_pin;
  };
  static Running* running_;

  static void SetUpTestSuite() {
    running_ = new Running;
    WriteFile(running_->directory / "ca.pem", Pki::Get().root.Pem());
    WriteFile(running_->directory / "crl.pem", Pki::Get().Crls());
    running_->manual = MakeGateway("");
    running_->by_mail = MakeGateway(Taking("subj_altname,mail,>:"));
    running_->by_cn = MakeGateway(Taking("subject,CN,>:,literal"));
    // Lets anybody in who is verified or pinned; nobody has this pin.
    running_->by_pin = MakeGateway(
        "  server_require_verified = no\n  server_pins = " + EncodeBase64(std::string(32, 'x')) +
        "\n  server_set_id = anybody\n\n");
  }
  static void TearDownTestSuite() {
    delete running_;
    running_ = nullptr;
  }

  // An authenticator that takes a field of the certificate for the identity.
  static std::string Taking(const std::string& field) {
    return "  server_param1 = ${certextract{" + field +
           "}{$tls_in_peercert}}\n  server_set_id = $auth1\n\n";
  }

  // With the manual's authenticator, or one of these options.
  static std::unique_ptr<Gateway> MakeGateway(const std::string& authenticator) {
    Gateway::Options options =
        GatewayOptions(running_->slapd.host_and_port(), running_->upstream.port());
    options.client_ca = running_->directory / "ca.pem";
    options.main_options = "tls_crl = " + (running_->directory / "crl.pem");
    if (!authenticator.empty()) {
      const std::string text = ReadFile("doc/examples/exim-manual.conf");
      const std::size_t begin = text.find("  server_param1"), end = text.find("begin routers");
      options.edits = {{text.substr(begin, end - begin), authenticator}};
    }
    return std::make_unique<Gateway>(options);
  }

  static constexpr const char* kNoSession = "(no session)";
  // The identity as the gateway itself tells it; "" for nobody.
  static std::string WhoIs(const Presented& presented, const Gateway& gateway) {
    SmtpClient client(gateway.starttls_port());
    client.Say("EHLO client.example.org");
    EXPECT_THAT(client.Say("STARTTLS"), ::testing::StartsWith("220"));
    if (!client.StartTlsWithDer(presented.chain, presented.key.Pem())) return kNoSession;
    if (client.Say("EHLO client.example.org").empty()) return kNoSession;
    const std::string prefix = "550 5.7.1 ", words = " may not send as ";
    std::string reply = client.Say("MAIL FROM:<probe@nowhere.example>");
    // A long one was broken at a blank.
    reply = Replace(Replace(reply, "\n" + prefix, " "), "550-5.7.1 ", prefix);
    if (reply.starts_with("250")) {
      const std::string refusal = client.Say("RCPT TO:<x@example.net>").substr(0, 3);
      EXPECT_TRUE(refusal == "550" || refusal == "451") << client.reply();
      return "";
    }
    const std::size_t end = reply.find(words);
    EXPECT_TRUE(reply.starts_with(prefix) && end != reply.npos) << reply;
    return reply.substr(prefix.size(), end - prefix.size());
  }
};
Corpus::Running* Corpus::running_ = nullptr;

bool IsOfTheDirectory(const std::string& id) {
  for (const char* name : {"alice", "alice@example.org", "bob", "bob@example.org"})
    if (id == name) return true;
  return false;
}

class HostileCertificate : public Corpus, public ::testing::WithParamInterface<Hostile> {};

// What no session comes of, because GnuTLS ends the handshake: what it cannot read, a key
// that may not sign, and somebody else's certificate. All others are clients without a name.
bool EndsTheSession(std::string_view what) {
  for (const char* row :
       {"OctetsBehindTheCertificate", "NoCertificateAtAll", "Garbage", "RepeatedNames",
        "RepeatedBasicConstraints", "NamesMalformed", "EmptyName", "KeyForEncryptionOnly",
        "TheIntermediateItself", "TheRootItself", "AliceWithTheKeyOfMallory"})
    if (what == row) return true;
  return false;
}

TEST_P(HostileCertificate, BecomesNobodyItShouldNot) {
  const Hostile& row = GetParam();
  const bool ends = EndsTheSession(row.what);
  const Presented presented = row.make();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(WhoIs(presented, *running_->manual), ends ? kNoSession : "")
      << "under the manual's configuration";
  EXPECT_EQ(WhoIs(presented, *running_->by_mail), ends ? kNoSession : row.by_mail)
      << "where any mail name does";
  const std::string by_cn = WhoIs(presented, *running_->by_cn);
  if (row.by_cn == "?") {
    EXPECT_NE(by_cn, "");
    EXPECT_FALSE(IsOfTheDirectory(by_cn)) << by_cn;
  } else {
    EXPECT_EQ(by_cn, ends ? kNoSession : row.by_cn) << "where any CN does";
  }
  if (!row.verifies) {
    EXPECT_EQ(WhoIs(presented, *running_->by_pin), ends ? kNoSession : "") << "where pins do";
  }
  // Rule R8: none of them is expensive. The bound is for the slowest machines.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

std::string NameOfHostile(const ::testing::TestParamInfo<Hostile>& info) {
  return std::string("Rule") + info.param.rule + info.param.what;
}
INSTANTIATE_TEST_SUITE_P(All, HostileCertificate, ::testing::ValuesIn(AllHostile()), NameOfHostile);

// --- the good but odd ones ----------------------------------------------------------------

struct Odd {
  std::string what;
  std::function<Presented()> make;
  std::string id = "alice@example.org";
};
void PrintTo(const Odd& row, std::ostream* out) { *out << row.what; }

std::vector<Odd> OddChains() {
  const auto client = [](Change change) { return [=] { return Client(change); }; };
  const auto key = [](KeyType type) { return [=] { return Client(Alice(), KeyOf(320, type)); }; };
  const auto under = [](Change ca, Change leaf = nullptr) {
    return [=] { return Under(ca, leaf); };
  };
  const auto subject = [client](std::vector<Attribute> attributes) {
    return client([=](CertificateSpec& s) { s.subject = Name(attributes); });
  };
  const auto beside = [client](std::string name) {
    return client(
        [=](CertificateSpec& s) { s.alternative_names.insert(s.alternative_names.begin(), name); });
  };
  using Spec = CertificateSpec;
  return {
      {"NothingOdd", client([](Spec&) {})},
      {"UpperCase", [] { return Mail("ALICE@EXAMPLE.ORG"); }, "ALICE@EXAMPLE.ORG"},
      {"MixedCase", [] { return Mail("Alice@Example.org"); }, "Alice@Example.org"},
      {"EmptySubjectAndCriticalNames", client([](Spec& s) {
         s.subject = Name({});
         s.alternative_names_critical = true;
       })},
      {"Umlauts", subject({{kCn, Utf8("Al\xc3\xad"
                                      "ce M\xc3\xbcller")}})},
      {"BmpString", subject({{kCn, Tlv(0x1e, "\0A\0l\x01\x53\x30\x42"s)}})},
      {"UniversalString", subject({{kCn, Tlv(0x1c, "\0\0\0A\0\1\xf6\0"s)}})},
      {"TeletexString", subject({{kCn, Tlv(0x14, "Alice")}})},
      {"PrintableString", subject({{kCn, Tlv(0x13, "Alice O'Hara")}})},
      {"TeletexThatIsLeftOut", subject({{kCn, Tlv(0x14, "Al\xedz")}})},
      {"CnWithANulThatIsLeftOut", subject({{kCn, Utf8("bob\0"s)}})},
      {"CnOfSomebodyElse", subject({{kCn, Utf8("bob@example.org")}})},
      {"MailAttributeOfSomebodyElse", subject({{kEmail, Ia5("bob@example.org")}})},
      {"RdnOfTwoAttributes",
       subject({{kCn, Utf8("A")}, {"0.9.2342.19200300.100.1.1", Utf8("a"), true}})},
      {"AsManyAttributesAsThereMayBe",
       subject(std::vector<Attribute>(64, {"2.5.4.11", Utf8("unit")}))},
      {"UnknownAttribute", subject({{"1.2.3.4", Utf8("x")}})},
      {"AttributeThatIsNoText", subject({{"2.5.4.45", Tlv(0x03, "\0\1"s)}})},
      {"DnsNameBeside", beside(DnsName("h.example.org"))},
      {"WildcardDnsNameBeside", beside(DnsName("*.example.org"))},
      {"UriBeside", beside(UriName("urn:uuid:1234"))},
      {"AddressBeside", beside(IpName("\xc0\0\2\1"s))},
      {"AddressOfOddLengthBeside", beside(IpName("\xc0"))},
      {"DirectoryNameBeside", beside(DirectoryName(CommonName("bob")))},
      {"RegisteredIdBeside", beside(RegisteredId("1.2.3.4"))},
      {"UpnBeside", beside(OtherName(kUpn, Utf8("bob@example.org")))},
      {"InternationalMailBeside", beside(OtherName(kSmtpUtf8, Utf8("b\xc3\xb6"
                                                                   "b@example.org")))},
      {"UnknownOtherNameBeside", beside(OtherName("1.2.3", Tlv(0x04, "\0\1"s)))},
      {"MailWithANulBeside", beside(MailName("bob@example.org\0x"s))},
      {"AHundredNames", client([](Spec& s) {
         for (int i = 0; i < 99; ++i) s.alternative_names.push_back(DnsName("h.example"));
       })},
      {"ANameAsLongAsItMayBe",
       client([](Spec& s) { s.alternative_names.push_back(DnsName(std::string(1024, 'x'))); })},
      {"NoPurpose", client([](Spec& s) { s.purposes.clear(); })},
      {"AnyPurpose", client([](Spec& s) { s.purposes = {"2.5.29.37.0"}; })},
      {"ManyPurposes", client([](Spec& s) {
         s.purposes = {std::string(kServerAuth), "1.3.6.1.5.5.7.3.4", std::string(kClientAuth)};
       })},
      {"NoKeyUsage", client([](Spec& s) { s.key_usage.reset(); })},
      {"MoreKeyUsages",
       client([](Spec& s) { s.key_usage = kDigitalSignature | kKeyEncipherment | 1u << 1; })},
      {"NoBasicConstraints", client([](Spec& s) { s.ca.reset(); })},
      {"NoKeyIdentifiers", client([](Spec& s) { s.key_identifiers = false; })},
      {"FarFuture", client([](Spec& s) { s.not_after = 253402300799; })},
      {"DistantPast", client([](Spec& s) { s.not_before = -315619200; })},
      {"SerialOfTwentyOctets",
       client([](Spec& s) { s.serial = "\x7f" + std::string(19, '\xff'); })},
      {"SerialOfOne", client([](Spec& s) { s.serial = "\1"; })},
      {"UnknownExtension", client([](Spec& s) {
         s.extra = {{"1.2.3.4.5", false, Utf8("x")}};
       })},
      {"LargeExtension", client([](Spec& s) {
         s.extra = {{"1.2.3.4.5", false, Utf8(std::string(4000, 'x'))}};
       })},
      {"CriticalPolicies", client([](Spec& s) {
         s.extra = {{"2.5.29.32", true, Sequence({Sequence({Oid("1.2.3.4")})})}};
       })},
      {"Rsa2048", key(KeyType::kRsa2048)},
      {"P384", key(KeyType::kEcdsaP384)},
      {"Ed25519", key(KeyType::kEd25519)},
      {"IssuerWithRsa", [] { return Under([](Spec&) {}, nullptr, KeyOf(321, KeyType::kRsa2048)); }},
      {"IssuerWithEd25519",
       [] { return Under([](Spec&) {}, nullptr, KeyOf(322, KeyType::kEd25519)); }},
      {"StraightFromTheRoot",
       [] {
         return Presented{{Issue(Alice(), KeyOf(310), &Pki::Get().root).der}, KeyOf(310)};
       }},
      {"WithTheRootInTheChain",
       [] {
         Presented presented = Client(Alice());
         presented.chain.push_back(Pki::Get().root.der);
         return presented;
       }},
      {"ChainInAnyOrder",
       [] {
         Presented presented = Client(Alice());
         presented.chain.insert(presented.chain.begin() + 1, Pki::Get().root.der);
         return presented;
       }},
      {"AStrangerInTheChain",
       [] {
         Presented presented = Client(Alice());
         presented.chain.insert(presented.chain.begin() + 1, Pki::Get().stranger.der);
         return presented;
       }},
      {"TheSameIssuerTwice",
       [] {
         Presented presented = Client(Alice());
         presented.chain.push_back(presented.chain[1]);
         return presented;
       }},
      {"BobsCertificateInTheChain",
       [] {
         Presented presented = Client(Alice());
         presented.chain.push_back(Client(ClientSpec("bob@example.org")).chain[0]);
         return presented;
       }},
      {"TenCertificates",
       [] {
         Presented presented = Client(Alice());
         while (presented.chain.size() < 10) presented.chain.push_back(Pki::Get().stranger.der);
         return presented;
       }},
      {"CrossSigned",
       [] {
         CertificateSpec spec = Authority();
         const Issued ours = Issue(spec, KeyOf(311), &Pki::Get().root);
         const Issued theirs = Issue(spec, KeyOf(311), &Pki::Get().stranger);
         return Presented{
             {Issue(Alice(), KeyOf(310), &ours).der, theirs.der, ours.der, Pki::Get().stranger.der},
             KeyOf(310)};
       }},
      {"SelfIssuedKeyRollover",
       [] {
         const Issued old = Issue(Authority(), KeyOf(311), &Pki::Get().root);
         const Issued next = Issue(Authority(), KeyOf(323), &old);
         return Presented{{Issue(Alice(), KeyOf(310), &next).der, next.der, old.der}, KeyOf(310)};
       }},
      {"PathLengthOfOneUsedUp",
       [] {
         CertificateSpec upper = Authority("Upper");
         upper.path_length = 1;
         const Issued above = Issue(upper, KeyOf(311), &Pki::Get().root);
         const Issued below = Issue(Authority(), KeyOf(323), &above);
         return Presented{{Issue(Alice(), KeyOf(310), &below).der, below.der, above.der},
                          KeyOf(310)};
       }},
      {"PermittedDomain", under([](Spec& s) { s.permitted = {MailName("example.org")}; })},
      {"PermittedDomainInOtherCase",
       under([](Spec& s) { s.permitted = {MailName("EXAMPLE.org")}; })},
      {"PermittedMailbox", under([](Spec& s) { s.permitted = {MailName("alice@EXAMPLE.ORG")}; })},
      {"ExcludedOtherDomain", under([](Spec& s) { s.excluded = {MailName("example.net")}; })},
      {"ExcludedSubdomains", under([](Spec& s) { s.excluded = {MailName(".example.org")}; })},
      {"ExcludedOtherDirectoryName",
       under([](Spec& s) { s.excluded = {DirectoryName(CommonName("x"))}; })},
      {"PermittedDirectoryName",
       under([](Spec& s) { s.permitted = {DirectoryName(Organisation())}; })},
      {"IssuerWithoutKeyUsage", under([](Spec& s) { s.key_usage.reset(); })},
      {"IssuerForManyPurposes", under([](Spec& s) {
         s.purposes = {std::string(kServerAuth), std::string(kClientAuth)};
       })},
      {"PolicyThatIsRequired",
       under(
           [](Spec& s) {
             s.extra = {{"2.5.29.32", false, Sequence({Sequence({Oid("1.2.3.4")})})},
                        {"2.5.29.36", true, Sequence({Tlv(0x80, "\0"s)})}};
           },
           [](Spec& s) {
             s.extra = {{"2.5.29.32", false, Sequence({Sequence({Oid("1.2.3.4")})})}};
           })},
      {"IssuerWithCriticalPolicies", under([](Spec& s) {
         s.extra = {{"2.5.29.32", true, Sequence({Sequence({Oid("2.5.29.32.0")})})}};
       })},
  };
}

std::vector<Odd> AllOdd() {
  std::vector<Odd> all = OddChains();
  int number = 0;
  for (const std::string& address : OddAddresses())
    all.push_back({"Address" + std::to_string(++number), [=] { return Mail(address); }, address});
  return all;
}

class OddCertificate : public Corpus, public ::testing::WithParamInterface<Odd> {};

TEST_P(OddCertificate, BecomesWhoItIs) {
  EXPECT_EQ(WhoIs(GetParam().make(), *running_->manual), GetParam().id)
      << running_->manual->Log().substr(
             running_->manual->Log().size() > 2000 ? running_->manual->Log().size() - 2000 : 0);
}

std::string NameOfOdd(const ::testing::TestParamInfo<Odd>& info) { return info.param.what; }
INSTANTIATE_TEST_SUITE_P(All, OddCertificate, ::testing::ValuesIn(AllOdd()), NameOfOdd);

TEST(CorpusSize, IsWhatIsPromised) {
  EXPECT_GE(AllHostile().size(), 60u);
  EXPECT_GE(AllOdd().size(), 60u);
}

}  // namespace
}  // namespace signet::test
