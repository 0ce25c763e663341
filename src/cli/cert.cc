#include <jansson.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "src/base/file.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/base/text.h"
#include "src/cli/cert_sheet.h"
#include "src/cli/expander.h"
#include "src/cli/modules.h"
#include "src/cli/offline.h"
#include "src/cli/options.h"
#include "src/cli/received.h"
#include "src/cli/report.h"
#include "src/cli/terminal.h"
#include "src/crypto/pem.h"
#include "src/crypto/pins.h"
#include "src/engine/engine.h"
#include "src/smtp/services.h"

// signet cert: what a certificate says, how to get at it, and what the gateway makes of it.
namespace signet::cli {
namespace {

using crypto::CertificatePtr;
using crypto::PlacedCertificate;

constexpr std::size_t kLabelColumns = 15, kIndent = 2, kExpressionIndent = 6;

int Complain(const std::string& message) {
  std::fprintf(stderr, "signet: %s\n", message.c_str());
  return kUsage;
}

std::vector<std::string> LinesOf(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.emplace_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

// One file: its certificates and what they say.
struct CertFile {
  std::string path;
  std::vector<PlacedCertificate> certificates;
  std::vector<std::vector<CertRow>> sheets;
  std::vector<Received> received;  // by the listeners of the configuration
};

// --- for people ---------------------------------------------------------------------------

class Printer {
 public:
  explicit Printer(bool colour) : colour_(colour) {}

  std::string Take(const CertFile& file) {
    Overview(file);
    for (std::size_t i = 0; i < file.sheets.size(); ++i) {
      if (file.sheets.size() > 1) Heading("Certificate " + std::to_string(i + 1));
      Sheet(file.sheets[i]);
    }
    Listeners(file);
    return std::move(text_);
  }

 private:
  void Line(std::string_view text, std::size_t indent = 0) {
    text_ += std::string(indent, ' ') + std::string(text) + '\n';
  }
  void Heading(std::string_view text) {
    text_ += '\n' + Styled(text, Style::kBold, colour_) + '\n';
  }

  // Who issued whom.
  void Overview(const CertFile& file) {
    const std::size_t count = file.certificates.size();
    const std::string place = count == 1 && file.certificates[0].line > 1
                                  ? ":" + std::to_string(file.certificates[0].line)
                                  : "";
    const std::string title = Printable(file.path) + place + ": " + std::to_string(count) +
                              (count == 1 ? " certificate" : " certificates");
    Line(Styled(title, Style::kBold, colour_));
    if (count == 1) return;
    for (std::size_t i = 0; i < count; ++i) {
      const crypto::Certificate& one = *file.certificates[i].certificate;
      const std::string name = one.subject_text().empty() ? "(no subject)" : one.subject_text();
      Wrapped(std::to_string(i + 1) + "  ", Printable(name) + ", line " +
                                                std::to_string(file.certificates[i].line) + ", " +
                                                IssuerOf(file, i));
    }
  }

  static std::string IssuerOf(const CertFile& file, std::size_t index) {
    const crypto::Certificate& one = *file.certificates[index].certificate;
    if (one.subject_der() == one.issuer_der()) return "issued by itself";
    for (std::size_t i = 0; i < file.certificates.size(); ++i)
      if (i != index && file.certificates[i].certificate->subject_der() == one.issuer_der())
        return "issued by " + std::to_string(i + 1);
    return "issued by " + Printable(one.issuer_text()) + ", which is not here";
  }

  void Wrapped(const std::string& head, std::string_view text) {
    std::string before = std::string(kIndent, ' ') + head;
    for (const std::string& line : Wrap(text, kColumns - before.size())) {
      Line(before + line);
      before.assign(before.size(), ' ');
    }
  }

  void Sheet(const std::vector<CertRow>& rows) {
    std::string_view section;
    for (const CertRow& row : rows) {
      if (row.section != section && !section.empty()) text_ += '\n';
      section = row.section;
      Row(row);
    }
  }

  // The value behind its label, a list's elements below each other, then the expression.
  void Row(const CertRow& row) {
    const Style style = row.doubt ? Style::kDoubt : Style::kNone;
    std::string before = Padded(std::string(kIndent, ' ') + row.label, kLabelColumns) + ' ';
    const auto say = [&](std::string_view text, Style how) {
      for (const std::string& line : Wrap(text, kColumns - kLabelColumns - 1)) {
        Line(before + Styled(line, how, colour_));
        before.assign(kLabelColumns + 1, ' ');
      }
    };
    const std::vector<std::string> lines =
        row.is_list ? LinesOf(row.value) : std::vector<std::string>{row.value};
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::string shown = row.printable ? lines[i] : Printable(lines[i]);
      const bool fits = WidthOf(shown) + row.note.size() + kLabelColumns + 5 <= kColumns;
      const bool joined = lines.size() == 1 && !row.note.empty() && fits;
      if (joined) shown += "  (" + row.note + ")";
      say(shown, style);
      if (i + 1 == lines.size() && !row.note.empty() && !joined) say("(" + row.note + ")", style);
    }
    if (!row.expression.empty())
      Line(Styled(Printable(row.expression), Style::kDim, colour_), kExpressionIndent);
  }

  void Listeners(const CertFile& file) {
    for (const Received& one : file.received) {
      Heading(one.title);
      for (const ReceivedLine& line : one.lines) {
        const Style style = line.good ? (*line.good ? Style::kGood : Style::kBad) : Style::kNone;
        const std::string mark = line.good ? (*line.good ? "+ " : "- ") : "  ";
        std::string before(kIndent, ' ');
        bool first = true;
        for (const std::string& part : Wrap(line.text, kColumns - kIndent - 2)) {
          Line(before + (first ? Styled(mark, style, colour_) : "  ") + part);
          first = false;
        }
      }
    }
  }

  const bool colour_;
  std::string text_;
};

// --- for machines ---------------------------------------------------------------------------

json_t* Text(std::string_view text) {
  json_t* json = json_stringn(text.data(), text.size());
  return json != nullptr ? json : json_string(Printable(text).c_str());
}

void Put(json_t* object, const char* name, std::string_view text) {
  if (!text.empty()) json_object_set_new(object, name, Text(text));
}

json_t* RowToJson(const CertRow& row) {
  json_t* object = json_object();
  Put(object, "section", row.section);
  Put(object, "label", Trim(row.label));
  json_object_set_new(object, "value", Text(row.value));
  Put(object, "expression", row.expression);
  Put(object, "note", row.note);
  if (row.failed) json_object_set_new(object, "failed", json_true());
  if (row.doubt) json_object_set_new(object, "doubt", json_true());
  return object;
}

json_t* FileToJson(const CertFile& file) {
  json_t* object = json_object();
  Put(object, "file", file.path);
  json_t* certificates = json_array();
  for (std::size_t i = 0; i < file.certificates.size(); ++i) {
    json_t* one = json_object();
    json_object_set_new(one, "line",
                        json_integer(static_cast<json_int_t>(file.certificates[i].line)));
    json_t* fields = json_array();
    for (const CertRow& row : file.sheets[i]) json_array_append_new(fields, RowToJson(row));
    json_object_set_new(one, "fields", fields);
    json_array_append_new(certificates, one);
  }
  json_object_set_new(object, "certificates", certificates);
  if (file.received.empty()) return object;
  json_t* listeners = json_array();
  for (const Received& received : file.received) {
    json_t* one = json_object();
    for (const auto& [name, value] : received.facts) Put(one, name.c_str(), value);
    json_array_append_new(listeners, one);
  }
  json_object_set_new(object, "listeners", listeners);
  return object;
}

std::string ToJson(const std::vector<CertFile>& files) {
  json_t* array = json_array();
  for (const CertFile& file : files) json_array_append_new(array, FileToJson(file));
  const std::unique_ptr<char, decltype(&std::free)> text(json_dumps(array, JSON_INDENT(2)),
                                                         &std::free);
  json_decref(array);
  return text == nullptr ? "" : std::string(text.get()) + '\n';
}

// --- the work -------------------------------------------------------------------------------

// Of any configuration, or of none: what a certificate says does not depend on it.
class Evaluator {
 public:
  explicit Evaluator(const drivers::Registry& registry)
      : loaded_(config::LoadText("no configuration", "", {}, registry)),
        log_(Log::Paths{}),
        worker_(registry, loaded_.config, &log_),
        services_(&worker_) {}

  CertValue Evaluate(const CertificatePtr& certificate, const std::string& expression) {
    facts::Session session;
    session.phase = facts::Phase::kQuit;
    session.tls.active = true;
    session.tls.peer = certificate;
    Expander::Answer answer =
        Expander(*loaded_.config, services_, &session).Take("expression", expression);
    return {answer.failed, std::move(answer.text)};
  }

 private:
  config::Loaded loaded_;
  Log log_;
  lookup::Worker worker_;
  smtp::SessionServices services_;
};

Result<CertFile, std::string> ReadFile(const std::string& path) {
  auto text = ReadRegularFile(path, limits::kTlsFileMaxBytes);
  if (!text) return Err{"cannot read \"" + Printable(path) + "\": " + text.error()};
  auto certificates = crypto::ReadCertificates(text.value());
  if (!certificates) return Err{certificates.error().Text(path)};
  return CertFile{path, std::move(certificates).value(), {}, {}};
}

// Runs in a coroutine: lookups wait.
int Show(const Arguments& arguments, const drivers::Registry& registry, OfflineSite* site,
         std::int64_t now) {
  Evaluator evaluator(registry);
  const CertEvaluator evaluate = [&](const CertificatePtr& certificate, const std::string& what) {
    return evaluator.Evaluate(certificate, what);
  };
  std::vector<CertFile> files;
  int status = kGood;
  for (const std::string& path : arguments.operands) {
    auto file = ReadFile(path);
    if (!file) {
      status = Complain(file.error());
      continue;
    }
    std::vector<CertificatePtr> chain;
    for (const PlacedCertificate& one : file.value().certificates) {
      file.value().sheets.push_back(CertSheet(one.certificate, now, evaluate));
      chain.push_back(one.certificate);
    }
    const auto at = arguments.at.empty() ? std::nullopt : std::optional(now);
    if (site != nullptr) file.value().received = ReceivedBy(site, chain, at);
    files.push_back(std::move(file).value());
  }
  if (arguments.json) return PrintText(ToJson(files)) ? status : kNo;
  std::string text;
  for (const CertFile& file : files)
    text += (text.empty() ? "" : "\n") + Printer(WantsColour(STDOUT_FILENO)).Take(file);
  return PrintText(text) ? status : kNo;
}

// What --at says, or now; nullopt where it says no time.
std::optional<std::int64_t> TimeOf(const Arguments& arguments) {
  if (arguments.at.empty()) return std::time(nullptr);
  return crypto::ReadDate(arguments.at, crypto::DayEnd::kFirst);
}

// The configuration whose listeners are asked; none where there is none in the usual place, or
// where that one cannot be used by whoever asks.
Result<std::optional<smtp::LoadedSite>, std::string> Load(const Arguments& arguments,
                                                          const drivers::Registry& registry) {
  const std::string& path = arguments.config_file;
  const bool named = path != kDefaultConfigFile;
  if (!named && ::access(path.c_str(), F_OK) != 0) return std::optional<smtp::LoadedSite>();
  smtp::LoadedSite loaded =
      smtp::LoadSite(path, arguments.macros, registry, smtp::LoadTls::kWithoutKeys);
  if (loaded.site) return std::optional(std::move(loaded));
  if (named) {
    PrintDiagnostics(loaded.loaded.diagnostics);
    return Err{Printable(path) + " is not usable"};
  }
  std::fprintf(stderr, "signet: %s cannot be used here: listeners are left out\n", path.c_str());
  return std::optional<smtp::LoadedSite>();
}

}  // namespace

int RunCert(const Arguments& arguments) {
  if (arguments.operands.empty()) return Complain("cert wants the names of PEM files");
  const auto now = TimeOf(arguments);
  if (!now)
    return Complain("--at wants a time as 2027-06-30 or 2027-06-30T12:00:00Z, not \"" +
                    Printable(arguments.at) + '"');
  std::unique_ptr<drivers::Registry> registry = MakeRegistry(arguments);
  if (registry == nullptr) return kUsage;
  auto loaded = Load(arguments, *registry);
  if (!loaded) return Complain(loaded.error());
  int status = kUsage;
  engine::RunInLoop([&] {
    if (!loaded.value()) {
      status = Show(arguments, *registry, nullptr, *now);
      return;
    }
    OfflineSite site(*std::move(loaded).value(), *registry, ParseDirectory(arguments.directory));
    status =
        site.trouble().empty() ? Show(arguments, *registry, &site, *now) : Complain(site.trouble());
  });
  return status;
}

}  // namespace signet::cli
