#include "src/cli/cert_sheet.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "src/base/log.h"
#include "src/crypto/describe.h"
#include "src/crypto/path.h"

namespace signet::cli {
namespace {

using crypto::Certificate;
using crypto::CertificatePtr;

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kSoonDays = 30;

std::string Days(std::int64_t seconds) {
  const std::int64_t days = seconds / kDay;
  return std::to_string(days) + (days == 1 ? " day" : " days");
}

std::string Extract(std::string_view what) {
  return "${certextract{" + std::string(what) + "}{$tls_in_peercert}}";
}

std::string Joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : "\n") + text;
  return all;
}

class Sheet {
 public:
  Sheet(const CertificatePtr& certificate, std::int64_t now, const CertEvaluator& evaluate)
      : certificate_(certificate), now_(now), evaluate_(evaluate) {}

  std::vector<CertRow> Run() {
    Names();
    Validity();
    Key();
    Usage();
    AlternativeNames();
    Issuers();
    Digests();
    Troubles();
    return std::move(rows_);
  }

 private:
  // A row for what an expression gives; false where that is nothing.
  bool Add(std::string_view label, std::string expression, std::string note = "") {
    CertValue value = evaluate_(certificate_, expression);
    if (value.text.empty() && !value.failed) return false;
    rows_.push_back({section_, std::string(label), std::move(value.text), std::move(expression),
                     std::move(note), value.failed, false, true, value.failed});
    return true;
  }
  bool AddField(std::string_view label, std::string_view field, std::string note = "") {
    return Add(label, Extract(field), std::move(note));
  }
  void AddPlain(std::string_view label, std::string value, std::string note = "") {
    if (value.empty()) return;
    rows_.push_back({section_, std::string(label), std::move(value), "", std::move(note)});
  }

  void Names() {
    section_ = "names";
    OneName("subject", certificate_->subject());
    OneName(
        "issuer", certificate_->issuer(),
        certificate_->subject_der() == certificate_->issuer_der() ? "the same: self-issued" : "");
    AddField("serial number", "serial_number");
    AddField("version", "version");
  }

  // The whole name, then each attribute where it first stands; where one stands there
  // several times, all of them in their order before that.
  void OneName(std::string_view which, const std::vector<crypto::NameAttribute>& name,
               const std::string& note = "") {
    const std::string field(which);
    if (!AddField(which, field, note)) AddPlain(which, "(empty)");
    rows_.back().is_list = false;
    std::set<std::string> labels;
    for (const auto& attribute : name) labels.insert(attribute.label);
    if (labels.size() < name.size()) AddField("  in order", field + ",");
    for (const auto& attribute : name) {
      if (labels.erase(attribute.label) == 0) continue;
      AddField("  " + attribute.label, field + "," + attribute.label);
    }
  }

  void Validity() {
    section_ = "validity";
    AddField("valid from", "notbefore");
    AddField("valid until", "notafter", DaysLeft(*certificate_, now_));
    const bool over = now_ > certificate_->not_after() || now_ < certificate_->not_before();
    const bool soon = certificate_->not_after() - now_ < kSoonDays * kDay;
    rows_.back().doubt = over || soon;
    AddField("  in seconds", "notafter,int");
  }

  void Key() {
    section_ = "key";
    AddField("key", "key_algorithm");
    AddField("key bits", "key_bits");
    AddField("signed with", "sig_algorithm");
    AddField("pin", "spki_sha256", "of the public key, for server_pins");
  }

  void Usage() {
    section_ = "usage";
    AddField("key usage", "key_usage");
    if (AddField("purposes", "eku"))
      AddField("  as OIDs", "eku,oid");
    else
      AddPlain("purposes", "(none given: good for any)");
    if (AddField("authority", "basic_constraints,ca"))
      AddField("path length", "basic_constraints,pathlen");
  }

  void AlternativeNames() {
    section_ = "alternative names";
    std::set<std::string> seen;
    for (const crypto::SanName& name : certificate_->alternative_names()) {
      const std::string kind = crypto::KindOfName(name);
      if (!name.valid || !seen.insert(kind).second) continue;
      if (kind == "another kind" || !AddField(kind, "subj_altname," + kind))
        AddPlain(kind, "(a value that is no text)");
    }
  }

  void Issuers() {
    section_ = "issuer";
    AddField("key id", "ski");
    AddField("issuer key id", "aki");
    AddField("Windows SID", "sid");
    AddField("policies", "policy");
    const auto constraints = crypto::NameConstraintsOf(*certificate_);
    if (!constraints)
      AddPlain("constraints", constraints.error());
    else if (constraints.value())
      AddPlain("constraints", Joined(*constraints.value()));
    AddField("CRL at", "crl_uri", "shown, never fetched");
    AddField("OCSP at", "ocsp_uri", "shown, never asked");
    AddPlain("issuer at", Joined(crypto::IssuerUrisOf(*certificate_)), "shown, never fetched");
  }

  void Digests() {
    section_ = "digests";
    Add("SHA-256", "${sha256:$tls_in_peercert}");
    Add("SHA-1", "${sha1:$tls_in_peercert}");
  }

  void Troubles() {
    section_ = "trouble";
    for (const crypto::Extension& extension : certificate_->extensions()) {
      if (!extension.critical || crypto::IsUnderstood(extension.oid)) continue;
      Trouble("critical", extension.oid, "an extension not understood: it does not verify");
    }
    if (!certificate_->within_limits())
      Trouble("too large", "more names, or longer ones, than are looked at",
              "it gives no identity");
    for (const crypto::LeftOut& name : crypto::LeftOutOf(*certificate_))
      Trouble("left out", name.kind + " " + Printable(name.value), name.why);
  }
  void Trouble(std::string_view label, std::string value, std::string note) {
    rows_.push_back({section_, std::string(label), std::move(value), "", std::move(note), false,
                     true, false, true});
  }

  const CertificatePtr& certificate_;
  const std::int64_t now_;
  const CertEvaluator& evaluate_;
  std::string section_;
  std::vector<CertRow> rows_;
};

}  // namespace

std::string DaysLeft(const Certificate& certificate, std::int64_t now) {
  if (now > certificate.not_after())
    return "expired " + Days(now - certificate.not_after()) + " ago";
  if (now < certificate.not_before())
    return "not valid yet: begins in " + Days(certificate.not_before() - now);
  return Days(certificate.not_after() - now) + " left";
}

std::vector<CertRow> CertSheet(const CertificatePtr& certificate, std::int64_t now,
                               const CertEvaluator& evaluate) {
  return Sheet(certificate, now, evaluate).Run();
}

}  // namespace signet::cli
