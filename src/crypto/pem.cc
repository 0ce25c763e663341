#include "src/crypto/pem.h"

#include <algorithm>

#include "src/base/codec.h"
#include "src/base/log.h"
#include "src/base/text.h"

namespace signet::crypto {
namespace {

constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ", kDashes = "-----";
constexpr std::size_t kLabelMaxBytes = 40;  // what is longer is no label

struct Block {
  std::string label, content;  // content: base64 without white space
  std::size_t line = 0;
};

// The label between the dashes of a line; "" where the line is none of these.
std::string_view LabelOf(std::string_view line, std::string_view before) {
  if (!line.starts_with(before) || !line.ends_with(kDashes)) return "";
  if (line.size() < before.size() + kDashes.size()) return "";
  line.remove_prefix(before.size());
  line.remove_suffix(kDashes.size());
  const auto is_label = [](char c) { return IsAlnum(c) || c == ' ' || c == '#' || c == '.'; };
  if (line.size() > kLabelMaxBytes || !std::all_of(line.begin(), line.end(), is_label)) return "";
  return line;
}

bool IsKey(std::string_view label) { return label.find("PRIVATE") != label.npos; }

std::string InQuotes(std::string_view text) { return '"' + Printable(text) + '"'; }

// Why a block with this label is not what was looked for.
std::string Unwanted(std::string_view label) {
  if (IsKey(label))
    return "a private key (" + InQuotes(label) +
           "), which is not shown: give a file that holds certificates only";
  if (label == "CERTIFICATE REQUEST" || label == "NEW CERTIFICATE REQUEST")
    return "a request for a certificate, and not the certificate that was made of it";
  if (label == "TRUSTED CERTIFICATE")
    return "a certificate with OpenSSL's own settings of trust; \"openssl x509\" makes a plain one";
  return InQuotes(label) + " found where a certificate was expected";
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  Result<std::vector<PlacedCertificate>, PemMistake> Run() {
    std::string_view line;
    while (mistake_.message.empty() && NextLine(&line)) Take(line);
    if (mistake_.message.empty() && open_)
      Fail(block_.line, "the block that begins here has no end");
    if (mistake_.message.empty() && found_.empty())
      Fail(0, "no certificate in it: neither PEM, \"-----BEGIN CERTIFICATE-----\", nor DER");
    if (!mistake_.message.empty()) return Err{mistake_};
    return std::move(found_);
  }

 private:
  bool NextLine(std::string_view* line) {
    if (rest_.empty()) return false;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    *line = Trim(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number_;
    return true;
  }

  void Take(std::string_view line) {
    if (const std::string_view label = LabelOf(line, kBegin); !label.empty()) {
      if (open_) return Fail(block_.line, "the block that begins here has no end");
      open_ = true;
      block_ = {std::string(label), "", number_};
      const bool wanted = label == "CERTIFICATE" || label == "X509 CERTIFICATE";
      if (!wanted) Fail(number_, Unwanted(label));
    } else if (const std::string_view ended = LabelOf(line, kEnd); !ended.empty()) {
      if (!open_) return Fail(number_, "an end of a block that has not begun");
      if (ended != block_.label)
        return Fail(number_, "the end of " + InQuotes(ended) + " where that of " +
                                 InQuotes(block_.label) + " was expected");
      Finish();
    } else if (open_) {
      constexpr std::string_view kOthers = "+/=";
      const bool good = std::all_of(line.begin(), line.end(), [&](char c) {
        return IsAlnum(c) || kOthers.find(c) != kOthers.npos;
      });
      if (!good) return Fail(number_, "not base64, which stands between the lines of dashes");
      block_.content += line;
    } else if (line.starts_with(kDashes)) {
      Fail(number_, "a line of dashes that is neither the begin nor the end of a block");
    }
  }

  void Finish() {
    open_ = false;
    const auto der = DecodeBase64(block_.content);
    if (!der) return Fail(block_.line, "the block that begins here is not whole base64");
    auto certificate = Certificate::FromDer(*der);
    if (!certificate) return Fail(block_.line, certificate.error());
    found_.push_back({std::move(certificate).value(), block_.line});
  }

  void Fail(std::size_t line, std::string message) { mistake_ = {line, std::move(message)}; }

  std::string_view rest_;
  std::size_t number_ = 0;
  bool open_ = false;
  Block block_;
  PemMistake mistake_;
  std::vector<PlacedCertificate> found_;
};

}  // namespace

std::string PemMistake::Text(std::string_view file) const {
  return Printable(file) + (line == 0 ? "" : ":" + std::to_string(line)) + ": " + message;
}

Result<std::vector<PlacedCertificate>, PemMistake> ReadCertificates(std::string_view text) {
  constexpr char kSequence = 0x30;
  const bool is_der =
      text.starts_with(kSequence) && text.find(kBegin) == text.npos && text.find('\0') != text.npos;
  if (!is_der) return Scanner(text).Run();
  auto certificate = Certificate::FromDer(text);
  if (!certificate)
    return Err{PemMistake{0, "not a certificate in DER (" + certificate.error() + ")"}};
  return std::vector<PlacedCertificate>{{std::move(certificate).value(), 0}};
}

}  // namespace signet::crypto
