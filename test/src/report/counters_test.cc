#include "src/report/counters.h"

#include <gtest/gtest.h>

#include "test/support/certificates.h"

namespace signet::report {
namespace {

facts::Tls With(std::string_view version, std::string_view reason) {
  static const crypto::CertificatePtr kPeer = [] {
    testing::CertificateSpec spec;
    const testing::Key& key = testing::SharedKey(testing::KeyType::kEcdsaP256);
    return crypto::Certificate::FromDer(testing::Issue(spec, key, nullptr).der).value();
  }();
  facts::Tls tls;
  tls.version = version;
  tls.peer = kPeer;
  tls.verify_reason = reason;
  return tls;
}

TEST(TlsCounters, CountEachHandshakeOnceByVersionAndOnceByCertificate) {
  TlsCounters counters;
  facts::Tls none;
  none.version = "TLS1.3";
  counters.Add(none);
  facts::Tls verified = With("TLS1.3", "");
  verified.verified = true;
  counters.Add(verified);
  counters.Add(With("TLS1.2", "certificate expired"));
  counters.Add(With("TLS1.3", "unknown CA"));
  facts::Tls revoked = With("TLS1.3", "certificate revoked");
  revoked.revoked = true;
  counters.Add(revoked);
  facts::Tls deferred = With("TLS1.3", "revocation list of the issuer expired");
  deferred.verify_deferred = true;
  counters.Add(deferred);
  counters.Add(With("TLS1.3", "wrong key purpose"));
  counters.failed = 2;
  EXPECT_EQ(Summary(counters),
            "TLS with clients: TLS1.2=1 TLS1.3=6 other=0 failed=2; certificates: none=1 "
            "verified=1 expired=1 untrusted=1 revoked=1 undecided=1 unfit=1");
}

}  // namespace
}  // namespace signet::report
