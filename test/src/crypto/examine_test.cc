#include "src/crypto/examine.h"

#include <functional>

#include <gtest/gtest.h>

#include "src/base/limits.h"
#include "test/support/certificates.h"

// Chains with one flaw each: the flaw stands in the certificate that has it, under its own
// check, in the words of Verify; and every other check is good.
namespace signet::crypto {
namespace {

using namespace signet::testing;  // NOLINT: the maker's vocabulary

constexpr std::int64_t kNow = 1800000000;  // 2027-01-15 08:00:00 UTC

struct Chain {
  CertificateSpec root_spec, intermediate_spec, client_spec = ClientSpec();
  Key client_key = SharedKey(KeyType::kEcdsaP256, 1);
  KeyType intermediate_type = KeyType::kEcdsaP256;
  OnStale on_stale = OnStale::kDefer;
  std::string anchors;  // in place of the root
  // Made of (root, intermediate, client).
  std::function<std::string(const Issued&, const Issued&, const Issued&)> crls;
  std::function<void(std::vector<std::string>*)> change_sent;

  Chain() {
    root_spec.subject = CommonName("Test Root");
    root_spec.ca = true;
    root_spec.key_usage = kKeyCertSign | kCrlSign;
    intermediate_spec = root_spec;
    intermediate_spec.subject = CommonName("Test Intermediate");
    intermediate_spec.path_length = 0;
  }

  Examination Examine(Purpose purpose = Purpose::kTlsClient) const {
    const Issued root = Issue(root_spec, SharedKey(KeyType::kEcdsaP384, 2), nullptr);
    const Issued intermediate = Issue(intermediate_spec, SharedKey(intermediate_type, 3), &root);
    const Issued client = Issue(client_spec, client_key, &intermediate);
    const auto store = TrustStore::Make({.anchors_pem = anchors.empty() ? root.Pem() : anchors,
                                         .crls_pem = crls ? crls(root, intermediate, client) : "",
                                         .on_stale = on_stale});
    EXPECT_TRUE(store.ok()) << (store.ok() ? "" : store.error());
    std::vector<std::string> sent = {client.der, intermediate.der};
    if (change_sent) change_sent(&sent);
    const std::vector<std::string_view> views(sent.begin(), sent.end());
    const Examination examination = crypto::Examine(*store.value(), views, purpose, kNow);
    const ChainStatus status = store.value()->Verify(views, purpose, kNow);
    EXPECT_EQ(examination.status.verified, status.verified);
    EXPECT_EQ(examination.status.reason, status.reason);
    EXPECT_EQ(examination.status.temporary, status.temporary);
    EXPECT_EQ(examination.status.revoked, status.revoked);
    EXPECT_EQ(examination.status.path.size(), status.path.size());
    return examination;
  }
};

std::string Crl(const CrlSpec& spec, const Issued& issuer) {
  return PemBlock("X509 CRL", MakeCrl(spec, issuer));
}

// One line each: "0 signature: bad signature: by CN=…" of all that is not good.
std::vector<std::string> FlawsOf(const Examination& examination) {
  std::vector<std::string> flaws;
  for (std::size_t i = 0; i < examination.certificates.size(); ++i)
    for (const Check& check : examination.certificates[i].checks)
      if (check.result != Check::kGood)
        flaws.push_back(std::to_string(i) + ' ' + check.name + ": " + check.detail);
  return flaws;
}

struct Flaw {
  const char* name;
  void (*make)(Chain*);
  std::size_t certificate;  // 0: client, 1: intermediate, 2: root
  const char* check;
  const char* detail;  // begins with the reason of Verify
  Check::Result result = Check::kBad;
};
void PrintTo(const Flaw& flaw, std::ostream* out) { *out << flaw.name; }

std::string RevokedWith(const Issued& issuer, std::string_view serial, bool stale = false) {
  CrlSpec spec;
  if (!serial.empty()) spec.serials = {std::string(serial)};
  if (stale) spec.next_update = kYear2020 + 1;
  return Crl(spec, issuer);
}

const Flaw kFlaws[] = {
    {"Expired", [](Chain* c) { c->client_spec.not_after = kNow - 3 * 86400; }, 0, "validity",
     "certificate expired: 2027-01-12 08:00:00 UTC, 3 days ago"},
    {"NotYetValid", [](Chain* c) { c->client_spec.not_before = kNow + 60; }, 0, "validity",
     "certificate not yet valid: not before 2027-01-15 08:01:00 UTC, in 1 minute"},
    {"IntermediateExpired", [](Chain* c) { c->intermediate_spec.not_after = kNow - 1; }, 1,
     "validity", "certificate expired: 2027-01-15 07:59:59 UTC, 1 second ago"},
    {"RootExpired", [](Chain* c) { c->root_spec.not_after = kNow - 1; }, 2, "validity",
     "certificate expired: 2027-01-15 07:59:59 UTC, 1 second ago"},
    {"UnknownCriticalExtension",
     [](Chain* c) {
       c->client_spec.extra.push_back({"1.2.3.4", true, Utf8("x")});
     },
     0, "critical extensions", "unknown critical extension 1.2.3.4"},
    {"ServerOnly", [](Chain* c) { c->client_spec.purposes = {std::string(kServerAuth)}; }, 0,
     "key purpose (EKU)",
     "wrong key purpose: purposes: serverAuth; clientAuth is wanted (server_eku = require-client)"},
    {"IntermediateForServers",
     [](Chain* c) { c->intermediate_spec.purposes = {std::string(kServerAuth)}; }, 1,
     "key purpose (EKU)",
     "wrong key purpose of an issuer: purposes: serverAuth; clientAuth is wanted (server_eku = "
     "require-client)"},
    {"NoSignatures", [](Chain* c) { c->client_spec.key_usage = kKeyEncipherment; }, 0, "key usage",
     "key usage does not allow signatures: keyEncipherment; digitalSignature is wanted"},
    {"IssuerMayNotSign",
     [](Chain* c) { c->intermediate_spec.key_usage = kDigitalSignature | kCrlSign; }, 1,
     "key usage",
     "issuer may not sign certificates: digitalSignature, cRLSign; keyCertSign is wanted"},
    {"IsNoAuthority", [](Chain* c) { c->intermediate_spec.ca = false; }, 1, "basic constraints",
     "issuer is not a certificate authority"},
    {"AuthorityAsClient",
     [](Chain* c) {
       c->client_spec.ca = true;
       c->intermediate_spec.path_length.reset();
     },
     0, "is no CA",
     "certificate authority as client: by its basic constraints or key usage it may sign "
     "certificates"},
    {"PathTooLong", [](Chain* c) { c->root_spec.path_length = 0; }, 2, "path length",
     "path length of a certificate authority exceeded: at most 0; 1 authority below it"},
    {"NameNotPermitted",
     [](Chain* c) { c->intermediate_spec.permitted = {MailName("example.com")}; }, 0,
     "name constraints",
     "name not allowed by its issuer's constraints: mail alice@example.org; CN=Test Intermediate "
     "has permitted: mail example.com"},
    {"NameExcluded",
     [](Chain* c) {
       c->root_spec.excluded = {MailName("example.org"),
                                IpName(std::string("\x0a\0\0\0\xff\0\0\0", 8))};
     },
     0, "name constraints",
     "name not allowed by its issuer's constraints: mail alice@example.org; CN=Test Root has "
     "excluded: mail example.org, IP 10.0.0.0/255.0.0.0"},
    {"ConstraintsNotEvaluated",
     [](Chain* c) { c->intermediate_spec.permitted = {RegisteredId("1.2.3")}; }, 1,
     "name constraints", "name constraints of a kind that is not evaluated"},
    {"BrokenSignature", [](Chain* c) { c->client_spec.break_signature = true; }, 0, "signature",
     "bad signature: by CN=Test Intermediate"},
    {"BrokenSignatureOfTheIntermediate",
     [](Chain* c) { c->intermediate_spec.break_signature = true; }, 1, "signature",
     "bad signature: by CN=Test Root"},
    {"WeakKey", [](Chain* c) { c->client_key = SharedKey(KeyType::kRsa1024, 7); }, 0,
     "algorithm strength", "key too weak: RSA of 1024 bits, signed with ECDSA-SHA256"},
    {"WeakHash", [](Chain* c) { c->client_spec.hash = Key::Hash::kSha1; }, 0, "algorithm strength",
     "signature algorithm too weak: EC/ECDSA of 256 bits, signed with ECDSA-SHA1"},
    {"Revoked",
     [](Chain* c) {
       c->crls = [](const Issued&, const Issued& intermediate, const Issued& client) {
         return RevokedWith(intermediate, SerialOf(client.der));
       };
     },
     0, "revocation", "certificate revoked: "},
    {"IntermediateRevoked",
     [](Chain* c) {
       c->crls = [](const Issued& root, const Issued& intermediate, const Issued&) {
         return RevokedWith(root, SerialOf(intermediate.der));
       };
     },
     1, "revocation", "certificate revoked: "},
    {"StaleList",
     [](Chain* c) {
       c->crls = [](const Issued&, const Issued& intermediate, const Issued&) {
         return RevokedWith(intermediate, "", true);
       };
     },
     0, "revocation",
     "revocation list is out of date or not usable: not in the list of CN=Test Intermediate, "
     "issued "
     "2020-01-01 00:00:00 UTC, next due 2020-01-01 00:00:01 UTC, which is out of date",
     Check::kUnknown},
    {"StaleListThatRejects",
     [](Chain* c) {
       c->on_stale = OnStale::kReject;
       c->crls = [](const Issued&, const Issued& intermediate, const Issued&) {
         return RevokedWith(intermediate, "", true);
       };
     },
     0, "revocation", "revocation list is out of date or not usable: not in the list of "},
    {"RequiredPolicyIsMissing",
     [](Chain* c) {
       // policyConstraints: requireExplicitPolicy 0
       c->intermediate_spec.extra.push_back(
           {"2.5.29.36", true, Sequence({Tlv(0x80, std::string_view("\0", 1))})});
     },
     0, "policies", "no certificate policy, which an issuer requires: has none"},
};

class ExamineFlaw : public ::testing::TestWithParam<Flaw> {};

TEST_P(ExamineFlaw, StandsInItsCertificateUnderItsCheckAndAlone) {
  Chain chain;
  GetParam().make(&chain);
  const Examination examination = chain.Examine();
  ASSERT_EQ(examination.certificates.size(), 3u);
  EXPECT_EQ(examination.why_no_path, "");
  EXPECT_FALSE(examination.status.verified);
  const auto flaws = FlawsOf(examination);
  ASSERT_EQ(flaws.size(), 1u) << ::testing::PrintToString(flaws);
  const std::string expected =
      std::to_string(GetParam().certificate) + ' ' + GetParam().check + ": " + GetParam().detail;
  EXPECT_EQ(flaws[0].substr(0, expected.size()), expected) << flaws[0];
  for (const Check& check : examination.certificates[GetParam().certificate].checks) {
    if (check.result == Check::kGood) continue;
    EXPECT_EQ(check.result, GetParam().result);
    EXPECT_TRUE(check.detail.starts_with(examination.status.reason)) << examination.status.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ExamineFlaw, ::testing::ValuesIn(kFlaws),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Examine, AChainWithoutAFlawHasOnlyGoodChecks) {
  const Examination examination = Chain().Examine();
  EXPECT_TRUE(examination.status.verified);
  EXPECT_TRUE(FlawsOf(examination).empty());
  ASSERT_EQ(examination.certificates.size(), 3u);
  EXPECT_FALSE(examination.certificates[1].anchor);
  EXPECT_TRUE(examination.certificates[2].anchor);
  std::string names;
  for (const Examined& one : examination.certificates) {
    for (const Check& check : one.checks) names += check.name + ',';
    names += '\n';
  }
  EXPECT_EQ(names,
            "limits,validity,critical extensions,is no CA,key usage,key purpose (EKU),name "
            "constraints,policies,algorithm strength,signature,revocation,\n"
            "limits,validity,critical extensions,basic constraints,path length,key usage,key "
            "purpose (EKU),name constraints,algorithm strength,signature,revocation,\n"
            "limits,validity,critical extensions,basic constraints,path length,key usage,key "
            "purpose (EKU),name constraints,\n");
}

TEST(Examine, AWiderPurposeIsSaid) {
  Chain chain;
  chain.client_spec.purposes = {std::string(kServerAuth)};
  const Examination examination = chain.Examine(Purpose::kTlsClientOrServer);
  EXPECT_TRUE(examination.status.verified);
  EXPECT_TRUE(examination.status.purpose_excused);
  EXPECT_TRUE(FlawsOf(examination).empty());
}

TEST(Examine, AnUnknownIssuerIsNamedWithItsNearest) {
  Chain chain;
  chain.anchors = MakeRoot("Test Rood", KeyType::kEcdsaP384, 9).Pem();
  const Examination examination = chain.Examine();
  EXPECT_EQ(examination.status.reason, "unknown CA");
  EXPECT_EQ(examination.why_no_path,
            "issuer CN=Test Root is not the trusted authority; nearest by name: CN=Test "
            "Rood");
  ASSERT_EQ(examination.certificates.size(), 2u);
  const auto flaws = FlawsOf(examination);
  ASSERT_EQ(flaws.size(), 2u) << ::testing::PrintToString(flaws);
  EXPECT_TRUE(flaws[0].starts_with("1 signature: unknown CA: ")) << flaws[0];
}

TEST(Examine, AnotherKeyOfTheSameNameIsTold) {
  Chain chain;
  chain.anchors = MakeRoot("Test Root", KeyType::kEcdsaP384, 9).Pem();
  EXPECT_EQ(chain.Examine().why_no_path,
            "a trusted authority has the name of the issuer, CN=Test Root, but another key: the "
            "key identifiers differ");
}

TEST(Examine, AMissingIntermediateIsTold) {
  Chain chain;
  chain.change_sent = [](std::vector<std::string>* sent) { sent->pop_back(); };
  const Examination examination = chain.Examine();
  EXPECT_EQ(examination.why_no_path,
            "issuer CN=Test Intermediate is not the trusted authority, which is CN=Test "
            "Root");
}

TEST(Examine, ASelfSignedCertificateIsTold) {
  Chain chain;
  chain.change_sent = [](std::vector<std::string>* sent) {
    *sent = {Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 1), nullptr).der};
  };
  EXPECT_EQ(chain.Examine().why_no_path,
            "CN=client is signed with its own key and is not trusted itself");
}

TEST(Examine, WithoutTrustNobodyIsKnown) {
  const auto store = TrustStore::Make({});
  const std::string der = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 1), nullptr).der;
  const std::string_view views[] = {der};
  const Examination examination = Examine(*store.value(), views, Purpose::kTlsClient, kNow);
  EXPECT_EQ(examination.why_no_path, "no authority is trusted: tls_verify_certificates names none");
  EXPECT_EQ(Examine(*store.value(), {}, Purpose::kTlsClient, kNow).why_no_path, "no certificate");
}

TEST(Examine, WhatCannotBeReadIsTold) {
  Chain chain;
  chain.change_sent = [](std::vector<std::string>* sent) { sent->front() = "nonsense"; };
  const Examination examination = chain.Examine();
  ASSERT_EQ(examination.certificates.size(), 1u);
  EXPECT_EQ(examination.certificates[0].certificate, nullptr);
  EXPECT_EQ(examination.certificates[0].checks[0].name, "encoding");
}

TEST(Examine, AChainOverItsLimitIsTold) {
  for (const std::size_t more : {0u, 1u}) {
    Chain chain;
    chain.change_sent = [&](std::vector<std::string>* sent) {
      while (sent->size() < limits::kChainMaxCertificates + more) sent->push_back(sent->back());
    };
    const Examination examination = chain.Examine();
    EXPECT_EQ(examination.status.verified, more == 0);
    if (more == 1) {
      EXPECT_EQ(examination.certificates[0].checks[0].name, "limits");
    }
  }
}

TEST(Examine, AnAnchorAsLeafNeedsNoIssuer) {
  Chain chain;
  const Issued self = Issue(ClientSpec(), SharedKey(KeyType::kEcdsaP256, 1), nullptr);
  chain.anchors = self.Pem();
  chain.change_sent = [&](std::vector<std::string>* sent) { *sent = {self.der}; };
  const Examination examination = chain.Examine();
  EXPECT_TRUE(examination.status.verified) << examination.status.reason;
  ASSERT_EQ(examination.certificates.size(), 1u);
  EXPECT_TRUE(examination.certificates[0].anchor);
  EXPECT_TRUE(FlawsOf(examination).empty());
}

// Several flaws: all are told, and Verify's among them.
TEST(Examine, ARevocationIsToldWithItsListAndDate) {
  Chain chain;
  chain.crls = [](const Issued&, const Issued& intermediate, const Issued& client) {
    return RevokedWith(intermediate, SerialOf(client.der));
  };
  const auto flaws = FlawsOf(chain.Examine());
  ASSERT_EQ(flaws.size(), 1u);
  EXPECT_NE(
      flaws[0].find("UTC, by the list of CN=Test Intermediate, issued 2020-01-01 00:00:00 UTC, "
                    "next due 2120-01-01 00:00:00 UTC"),
      std::string::npos)
      << flaws[0];
}

TEST(Examine, AllFlawsAreTold) {
  Chain chain;
  chain.client_spec.not_after = kNow - 1;
  chain.client_spec.purposes = {std::string(kServerAuth)};
  chain.client_spec.break_signature = true;
  const auto flaws = FlawsOf(chain.Examine());
  EXPECT_EQ(flaws.size(), 3u) << ::testing::PrintToString(flaws);
}

}  // namespace
}  // namespace signet::crypto
