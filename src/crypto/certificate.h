#ifndef SIGNET_SRC_CRYPTO_CERTIFICATE_H_
#define SIGNET_SRC_CRYPTO_CERTIFICATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace signet::crypto {

// One attribute of a distinguished name. Multi-valued RDNs share `rdn`.
struct NameAttribute {
  std::string oid;    // "2.5.4.3"
  std::string label;  // "CN", "EMAIL", or the dotted OID where no label is known
  std::string value;  // UTF-8, decoded by its ASN.1 type (rule I6)
  bool valid = true;  // false: not valid in its type, or holds NUL or control octets
  std::uint32_t rdn = 0;
  std::string_view encoded;  // the value's whole element, in the DER that was read
};

// A name of the subject alternative name extension, in encoded order.
enum class SanType : std::uint8_t { kDns, kUri, kMail, kIp, kDirectoryName, kRegisteredId, kOther };
struct SanName {
  SanType type;
  // Octets as in the certificate: IA5 text for dns, uri, mail; 4 or 16 octets for ip; DER
  // of the Name for directoryName, of the whole GeneralName for others (other_name.h). A
  // registered ID is dotted text.
  std::string value;
  bool valid = true;  // false: left out of every list and reported as skipped (rule I6)
};

// An extension as encoded. `value` is a view into the certificate's own DER.
struct Extension {
  std::string oid;
  bool critical = false;
  std::string_view value;
};

// Certificate is one parsed X.509 certificate. Immutable; every field was read from the
// DER that was (or was not) verified, by structure and never by searching text (I2, I8).
//
//   Threads  may be read from any thread.
//   Cost     parsing ≈ 30 µs; no private state of GnuTLS is kept.
class Certificate {
 public:
  // Exactly one certificate in strict DER; anything after it, a repeated extension or a
  // malformed name is an error (rule I3).
  static Result<std::shared_ptr<const Certificate>, std::string> FromDer(std::string_view der);
  // The first certificate of a PEM text; Chain gives all of them, in order.
  static Result<std::shared_ptr<const Certificate>, std::string> FromPem(std::string_view pem);
  static Result<std::vector<std::shared_ptr<const Certificate>>, std::string> ChainFromPem(
      std::string_view pem);

  std::string_view der() const;
  int version() const;                    // 1, 2 or 3
  const std::string& serial_hex() const;  // lower case, no leading zeros; "0" for zero
  std::int64_t not_before() const;        // seconds since the epoch, 64 bits
  std::int64_t not_after() const;
  const std::string& signature_algorithm() const;     // GnuTLS' name: "ECDSA-SHA256"
  const std::string& key_algorithm() const;           // GnuTLS' name: "EC/ECDSA", "RSA"
  unsigned key_bits() const;                          // 0 where the library cannot tell
  std::string_view signature() const;                 // raw octets
  const std::vector<NameAttribute>& subject() const;  // encoded order
  const std::vector<NameAttribute>& issuer() const;
  // RFC 4514-style text in encoded order, as GnuTLS-built Exim prints it. For display;
  // empty for a name over limits.
  const std::string& subject_text() const;
  const std::string& issuer_text() const;
  // The same names and the SubjectPublicKeyInfo as encoded.
  std::string_view subject_der() const;
  std::string_view issuer_der() const;
  std::string_view public_key_der() const;
  const std::vector<SanName>& alternative_names() const;  // all types; skipped ones marked
  const std::vector<std::string>& ocsp_uris() const;
  const std::vector<std::string>& crl_uris() const;
  // DER value of an extension by dotted OID.
  std::optional<std::string> extension(std::string_view oid) const;
  const std::vector<Extension>& extensions() const;
  // The same without a copy; nullopt where there is none.
  std::optional<std::string_view> ExtensionView(std::string_view oid) const;
  // Names and subject attributes that are left out of every list because they are not
  // valid, for the log: `mail "a\000b", CN "x\ny"`; "" where there is none. Escaped, and
  // cut after a few with their count.
  std::string SkippedNames() const;
  // Whether names are within the limits of doc/security.md. One that is not gives no
  // identity (I18); the part over its limit is empty here, never cut.
  bool within_limits() const;
  // Whether it may sign certificates: by basic constraints or by key usage (I19).
  bool is_ca() const;

  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

 private:
  struct Rep;
  explicit Certificate(std::unique_ptr<const Rep> rep);
  std::unique_ptr<const Rep> rep_;
};
using CertificatePtr = std::shared_ptr<const Certificate>;

}  // namespace signet::crypto
#endif
