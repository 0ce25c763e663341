// DER → certificate: whatever arrives is read without harm, and what is read keeps its
// promises: limits, marked names, and the same result from its own octets. Every field of
// the expansion language, with every modifier that it knows, gives a value or a failure;
// what comes out of names is text that holds no control characters (rule I6), and a list
// reads back as what it holds (rule I7).
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "expand/expand.h"
#include "expand/table.h"

#include "src/base/limits.h"
#include "src/base/text.h"
#include "src/crypto/certificate.h"
#include "src/crypto/constraints.h"
#include "src/crypto/describe.h"
#include "src/crypto/path.h"
#include "src/crypto/policy.h"
#include "src/crypto/trust.h"
#include "test/support/fake_world.h"

using signet::crypto::Certificate;

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckNames(const Certificate& certificate) {
  Require(certificate.alternative_names().size() <= signet::limits::kSanMaxNames);
  Require(certificate.subject().size() <= signet::limits::kSubjectMaxAttributes);
  for (const auto& name : certificate.alternative_names()) {
    Require(name.value.size() <= signet::limits::kSanNameMaxBytes + 8);
    const bool text = name.type == signet::crypto::SanType::kMail ||
                      name.type == signet::crypto::SanType::kDns ||
                      name.type == signet::crypto::SanType::kUri;
    if (!text || !name.valid) continue;
    for (const char c : name.value)
      Require(!signet::IsControl(c) && static_cast<unsigned char>(c) < 0x80);
  }
  for (const auto& attribute : certificate.subject())
    if (attribute.valid) Require(signet::IsValidUtf8(attribute.value));
}

struct Field {
  std::unique_ptr<signet::SourceText> text;
  signet::expand::ProgramPtr program;
  bool of_names = false;
};

void AddField(const std::string& selector, std::vector<Field>* fields) {
  static const signet::test::FakeNames names;
  Field field;
  field.text = std::make_unique<signet::SourceText>(
      "fuzz", "${certextract{" + selector + ",>:}{$tls_in_peercert}}");
  signet::Diagnostics diagnostics;
  field.program = signet::expand::Compile(field.text->whole(), signet::facts::Phase::kData, names,
                                          &diagnostics);
  Require(field.program != nullptr);
  field.of_names = selector.starts_with("subj") || selector.starts_with("issuer");
  fields->push_back(std::move(field));
}

// Every field with every word that it knows; where any word is a kind, with one.
std::vector<Field> AllFields() {
  std::vector<Field> fields;
  for (const auto& row : signet::expand::CertFields()) {
    const std::string name(row.name);
    std::string words(row.kinds == "*" ? "" : row.kinds);
    words += " " + std::string(row.forms);
    for (std::string_view kind : {"CN", "1.2.3.4.5"}) {
      if (row.kinds != "*" || (name == "extension" && kind == "CN")) continue;
      AddField(name + "," + std::string(kind), &fields);
      if (!row.forms.empty())
        AddField(name + "," + std::string(kind) + "," + std::string(row.forms), &fields);
    }
    if (name == "extension") continue;
    AddField(name, &fields);
    std::string_view rest = words;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      const std::string word(rest.substr(0, end));
      if (!word.empty())
        AddField(name + "," + word + (word.back() == '=' ? "1.2.3.4" : ""), &fields);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return fields;
}

void CheckText(std::string_view text) {
  Require(signet::IsValidUtf8(text));
  for (const char c : text) Require(!signet::IsControl(c));
}

void CheckFields(const signet::crypto::CertificatePtr& certificate) {
  static const std::vector<Field> fields = AllFields();
  signet::facts::Session session;
  session.tls.peer = certificate;
  for (const Field& field : fields) {
    signet::test::FakeServices services;
    signet::expand::Budget budget;
    const auto outcome = signet::expand::Evaluate(*field.program, session, services, budget);
    if (!outcome.ok()) {
      Require(!outcome.error().text.empty());
      continue;
    }
    const signet::Value& value = outcome.value();
    if (!value.is_list) continue;
    for (const std::string& element : value.elements) {
      if (field.of_names) CheckText(element);
    }
    // An empty last element of an attribute's values is not seen in the form for display.
    if (value.elements.back().empty()) continue;
    signet::Value shown;
    shown.text = value.text;
    shown.segments = value.segments;
    const auto read = signet::expand::SplitList(shown);
    Require(read.size() == value.elements.size());
    for (std::size_t i = 0; i < read.size(); ++i) Require(read[i].text == value.elements[i]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view der(reinterpret_cast<const char*>(data), size);
  const auto certificate = Certificate::FromDer(der);
  if (!certificate.ok()) return 0;
  CheckNames(*certificate.value());
  if (const auto value = certificate.value()->ExtensionView("2.5.29.30"))
    if (const auto constraints = signet::crypto::NameConstraints::Parse(*value))
      constraints->Allow(*certificate.value());
  // What people are shown.
  (void)signet::crypto::NameConstraintsOf(*certificate.value());
  (void)signet::crypto::IssuerUrisOf(*certificate.value());
  for (const auto& name : certificate.value()->alternative_names())
    Require(!signet::crypto::KindOfName(name).empty());
  for (const auto& left : signet::crypto::LeftOutOf(*certificate.value()))
    Require(!left.why.empty());
  // As its own issuer: what is said of issuers, names and policies is read too.
  signet::crypto::Path path;
  path.below = {certificate.value(), certificate.value()};
  path.anchor = certificate.value();
  (void)signet::crypto::FlawOfPolicies(path);
  const auto flaw = signet::crypto::FlawOf(path, signet::crypto::Purpose::kTlsClient,
                                           certificate.value()->not_before());
  Require(signet::IsValidUtf8(flaw));
  (void)signet::crypto::FlawOfPinned(*certificate.value(), signet::crypto::Purpose::kTlsClient,
                                     certificate.value()->not_before());
  CheckFields(certificate.value());
  const auto again = Certificate::FromDer(certificate.value()->der());
  Require(again.ok() && again.value()->subject_text() == certificate.value()->subject_text());
  return 0;
}
