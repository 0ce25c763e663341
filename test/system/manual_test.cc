// Every configuration that the manual shows is loaded: whole files with `signet check`, parts as
// that does it. Blocks of code are recognised as configurations by the names in them; what is only
// a part of one is completed:
//
//   the block has                                 and gets
//   "begin …"                                     what it does not set: it is nearly a whole file
//   main options, named lists, macros             what TLS needs
//   instances "name:" with "driver = …"           their section
//   options of a driver, below its heading        an instance
//   ACLs, or statements of one                    a section, and the option that asks the ACL
//
// Names that it uses and does not define (ACLs, named lists, transports) are defined, and files
// below /etc/signet are made. Fences of Markdown say what they hold: "signet" is a whole file,
// "signet-part" a part; one that holds a configuration and does not say so is a mistake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "drivers/host/registry.h"
#include "src/acl/table.h"
#include "src/base/text.h"
#include "src/config/options.h"
#include "src/config/print.h"
#include "src/smtp/site.h"
#include "test/support/authority.h"
#include "test/support/manual.h"
#include "test/support/process.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;

// --- what a block is -----------------------------------------------------------------------------

enum class Kind { kNone, kWhole, kMain, kAcls, kStatements, kAuthenticator, kRouter, kTransport };

// The names of options by scope: "main", "authenticator", …; drivers by the section they are of.
struct Names {
  std::map<std::string, std::set<std::string>> options;
  std::map<std::string, Kind> drivers = {{"accept", Kind::kRouter},
                                         {"manualroute", Kind::kRouter},
                                         {"smtp", Kind::kTransport},
                                         {"appendfile", Kind::kTransport}};
  std::set<std::string> acl_items, acl_verbs;

  Names() {
    const auto registry = drivers::Registry::MakeBuiltin();
    for (const auto& driver : registry->auths()) drivers[driver->name] = Kind::kAuthenticator;
    for (const std::string& line : Lines(config::OptionTable(*registry))) {
      const std::size_t tab = line.find('\t'), blank = line.find(' ');
      const std::string name = line.substr(tab + 1, line.find('\t', tab + 1) - tab - 1);
      options[line.substr(0, std::min(tab, blank))].insert(name);
    }
    for (const char* kind : {"authenticator", "router", "transport"})
      options[kind].insert("driver");
    options["main"].insert("daemon_smtp_port");
    for (std::string_view name : acl::AllItems()) acl_items.emplace(name);
    for (std::string_view name : acl::AllRows("verb")) acl_verbs.emplace(name);
  }
  static const Names& Get() {
    static const Names names;
    return names;
  }
};

bool IsComment(const std::string& line) { return Trim(line).empty() || Trim(line)[0] == '#'; }

std::string FirstLine(const std::string& text) {
  for (const std::string& line : Lines(text))
    if (!IsComment(line)) return std::string(Trim(line));
  return "";
}

bool IsOption(std::string_view scope, std::string name) {
  const auto& options = Names::Get().options.at(std::string(scope));
  if (options.contains(name)) return true;
  if (name.starts_with("no_")) name.erase(0, 3);
  return options.contains(name);
}

// `name` of "hide name = value" and "no_name"; "" where the line has another form.
std::string OptionIn(const std::string& line) {
  static const std::regex form(R"(^(?:hide\s+)?([a-z][a-z0-9_]*)\s*(?:=.*)?$)");
  std::smatch match;
  return std::regex_match(line, match, form) ? match[1].str() : "";
}

bool IsStatement(const std::string& line) {
  std::istringstream words(line);
  std::string verb, item;
  words >> verb >> item;
  if (!item.empty() && item[0] == '!') item.erase(0, 1);
  item = item.substr(0, item.find('='));
  const Names& names = Names::Get();
  return names.acl_verbs.contains(verb) && (item.empty() || names.acl_items.contains(item));
}

Kind KindOfDriver(const std::string& text) {
  static const std::regex driver(R"((?:^|\n)\s*driver\s*=\s*(\w+))");
  std::smatch match;
  if (!std::regex_search(text, match, driver)) return Kind::kNone;
  const auto found = Names::Get().drivers.find(match[1]);
  return found == Names::Get().drivers.end() ? Kind::kNone : found->second;
}

Kind KindOf(const Block& block) {
  static const std::regex begin(R"((^|\n)begin (acl|authenticators|routers|transports)\n)");
  static const std::regex name(R"(^[A-Za-z_]\w*:$)");
  static const std::regex main_line(
      R"(^((hide )?(domain|host|address|localpart)list\s.*|[A-Z]\w* ==? .*|\.(ifn?def|include).*)$)");
  if (std::regex_search(block.text, begin)) return Kind::kWhole;
  const std::string first = FirstLine(block.text);
  if (std::regex_match(first, name)) {
    const Kind kind = KindOfDriver(block.text);
    if (kind != Kind::kNone) return kind;
    return IsStatement(FirstLine(block.text.substr(block.text.find(first) + first.size())))
               ? Kind::kAcls
               : Kind::kNone;
  }
  if (IsStatement(first)) return Kind::kStatements;
  if (std::regex_match(first, main_line)) {
    const Kind kind = KindOfDriver(block.text);
    return kind == Kind::kNone ? Kind::kMain : kind;
  }
  const std::string option = OptionIn(first);
  if (option.empty()) return Kind::kNone;
  if (block.page == "doc/configuration.md") {
    if (block.section == "Authenticators" && IsOption("authenticator", option))
      return Kind::kAuthenticator;
    if (block.section == "Routers" && IsOption("router", option)) return Kind::kRouter;
    if (block.section == "Transports" && IsOption("transport", option)) return Kind::kTransport;
  }
  // A word alone is an option only where it cannot be taken for something else.
  if (IsOption("main", option)) return Kind::kMain;
  if (first.find('=') == first.npos) return Kind::kNone;
  if (IsOption("authenticator", option)) return Kind::kAuthenticator;
  if (IsOption("router", option)) return Kind::kRouter;
  if (IsOption("transport", option)) return Kind::kTransport;
  return Kind::kNone;
}

// --- making a whole of it
// --------------------------------------------------------------------------

bool Sets(const std::string& text, const std::string& option) {
  return std::regex_search(text, std::regex("(^|\n)\\s*(hide )?(no_)?" + option + "\\b"));
}

std::string Indented(const std::string& text) {
  std::string all;
  for (const std::string& line : Lines(text)) all += "  " + line + "\n";
  return all;
}

// The instance that options of a driver belong to, with what the driver cannot be without.
std::string Instance(const Block& block, Kind kind) {
  const auto& drivers = Names::Get().drivers;
  std::string driver;
  const auto found = drivers.find(block.subsection);
  if (found != drivers.end() && found->second == kind) driver = block.subsection;
  if (driver.empty()) {
    driver = kind == Kind::kRouter ? "accept" : kind == Kind::kTransport ? "smtp" : "tls";
    if (kind == Kind::kAuthenticator && !Sets(block.text, "server_match") &&
        std::regex_search(block.text, std::regex("public_name|server_advertise|server_prompts")))
      driver = "plaintext";
  }
  const std::map<std::string, std::string> needed = {
      {"tls",
       "server_param1=${certextract{subj_altname,mail,>:}{$tls_in_peercert}}\n"
       "server_set_id=$auth1\n"},
      {"external",
       "server_condition=${if eq{$auth1}{a}}\npublic_name=EXTERNAL\nserver_set_id=$auth1\n"},
      {"plaintext", "server_prompts=:\nserver_condition=${if eq{$auth3}{x}}\npublic_name=PLAIN\n"},
      {"cram_md5", "server_secret=fail\npublic_name=CRAM-MD5\nserver_set_id=$auth1\n"},
      {"scram", "server_secret=fail\npublic_name=SCRAM-SHA-256\nserver_set_id=$auth1\n"},
      {"dovecot",
       "server_socket=/run/dovecot/auth-client\npublic_name=PLAIN\nserver_set_id=$auth1\n"},
      {"sasl", "server_step1=reject\npublic_name=CODE\n"},
      {"accept", "transport=to_part\n"},
      {"manualroute", "transport=to_part\nroute_list=* 127.0.0.1\n"},
      {"smtp", "hosts=127.0.0.1\n"},
      {"appendfile", "directory=/var/mail/$local_part\nmaildir_format=yes\n"},
  };
  std::string text = "part:\n  driver = " + driver + "\n" + Indented(block.text);
  for (const std::string& line : Lines(needed.at(driver))) {
    const std::string option = line.substr(0, line.find('='));
    const bool instead = (option == "route_list" && Sets(block.text, "route_data")) ||
                         (option == "hosts" && Sets(block.text, "socket"));
    if (!instead && !Sets(block.text, option)) text += "  " + line + "\n";
  }
  if (Sets(block.text, "server_require_verified") && !Sets(block.text, "server_pins"))
    text += "  server_pins = /etc/signet/pins\n";
  if (Sets(block.text, "auth_(mechanism|user|password)")) {
    for (const char* option : {"auth_mechanism", "auth_user", "auth_password"})
      if (!Sets(block.text, option)) text += "  " + std::string(option) + " = plain\n";
  }
  return text;
}

bool HasInstances(const std::string& text) { return KindOfDriver(text) != Kind::kNone; }

// Names in `text` that `used` finds and `defined` does not; `defined` has %s for the name.
std::set<std::string> Missing(const std::string& text, const std::string& used,
                              const std::string& defined) {
  std::set<std::string> missing;
  const std::regex pattern(used);
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it) {
    const std::string name = (*it)[1];
    const std::string definition = Replace(defined, "%s", name);
    if (!std::regex_search(text, std::regex(definition))) missing.insert(name);
  }
  return missing;
}

std::string NamedLists(const std::string& text) {
  std::string lists;
  const std::set<std::string> words = {"caseful", "ignore_unknown", "include_unknown"};
  for (const std::string& name : Missing(text, R"([ :<!=]\+([a-z_]{3,})\b)",
                                         R"((domain|host|address|localpart)list\s+%s\s)")) {
    if (words.contains(name) || text.find("log_selector") != text.npos) continue;
    lists += "domainlist " + name + " = example.org\nhostlist " + name +
             " = 192.0.2.0/24\naddresslist " + name + " = *@example.org\nlocalpartlist " + name +
             " = postmaster\n";
  }
  return lists;
}

// The macros that a block of instances begins with belong into the main section.
void TakeMacros(std::string* text, std::string* main) {
  static const std::regex macro(R"(^(#.*|[A-Z]\w* = .*|))");
  std::string rest;
  bool before = true;
  for (const std::string& line : Lines(*text)) {
    before = before && std::regex_match(line, macro);
    (before ? *main : rest) += line + "\n";
  }
  *text = rest;
}

struct Configuration {
  std::string main, acl, authenticators, routers, transports;

  std::string Text() const {
    std::string all = main;
    if (!acl.empty()) all += "begin acl\n" + acl;
    if (!authenticators.empty()) all += "begin authenticators\n" + authenticators;
    if (!routers.empty()) all += "begin routers\n" + routers;
    if (!transports.empty()) all += "begin transports\n" + transports;
    return all;
  }
};

void AddMissing(Configuration* c) {
  const std::string text = c->Text();
  std::string before = NamedLists(text);
  const std::pair<const char*, const char*> needed[] = {
      {"tls_certificate", "/etc/signet/server.pem"},
      {"tls_privatekey", "/etc/signet/server.key"},
      {"tls_verify_certificates", "/etc/signet/client-ca.pem"},
      {"tls_try_verify_hosts", "*"},
      {"daemon_smtp_ports?", "25 : 587 : 465"},
      {"primary_hostname", "mx.example.org"},
  };
  for (const auto& [option, value] : needed) {
    if (Sets(c->main, option)) continue;
    if (std::string(option) == "tls_privatekey" && Sets(c->main, "tls_certificate")) continue;
    before += Replace(option, "?", "") + " = " + value + "\n";
  }
  c->main = before + c->main;
  for (const std::string& name :
       Missing(text, R"((?:\n|^)acl_smtp_\w+\s*=\s*([a-z]\w*)(?=\n))", R"((?:\n|^)%s:)"))
    c->acl += name + ":\n  accept\n";
  for (const std::string& name : Missing(text, R"([ !]acl\s*=\s*([a-z]\w*))", R"((?:\n|^)%s:)"))
    c->acl += name + ":\n  accept\n";
  for (const std::string& name : Missing(text, R"(\btransport\s*=\s*([a-z]\w*))", R"((?:\n|^)%s:)"))
    c->transports += name + ":\n  driver = smtp\n  hosts = 127.0.0.1\n";
  if (text.find("to_branch") != text.npos) c->transports += "to_branch:\n  driver = smtp\n";
  // A whole file has its sections itself.
  if (c->main.find("begin acl\n") != text.npos) c->acl.clear();
  if (c->main.find("begin transports\n") != text.npos) c->transports.clear();
}

Configuration Wrap(const Block& block, Kind kind, const std::string& acl_option) {
  Configuration c;
  std::string text = block.text;
  switch (kind) {
    case Kind::kMain:
    case Kind::kWhole:
      c.main = text;
      break;
    case Kind::kAcls:
      c.acl = text;
      break;
    case Kind::kStatements:
      c.main = acl_option + " = part\n";
      c.acl = "part:\n" + Indented(text);
      break;
    case Kind::kAuthenticator:
    case Kind::kRouter:
    case Kind::kTransport: {
      TakeMacros(&text, &c.main);
      Block instances = block;
      instances.text = text;
      if (!HasInstances(text)) text = Instance(instances, kind);
      (kind == Kind::kAuthenticator ? c.authenticators
       : kind == Kind::kRouter      ? c.routers
                                    : c.transports) = text;
      break;
    }
    default:
      break;
  }
  AddMissing(&c);
  return c;
}

// --- loading it ----------------------------------------------------------------------------------

class Manual : public ::testing::Test {
 protected:
  // `signet check` of the text, with the files that it names. A part is loaded as that does it, but
  // by us: there are hundreds of them.
  Finished Check(std::string text, bool part) {
    const TempDir directory;
    static const std::regex below(R"(/(?:etc|var/lib|var/log|var/spool)/signet/([\w./-]*))");
    for (std::sregex_iterator it(text.begin(), text.end(), below), end; it != end; ++it)
      MakeFile(directory, (*it)[1]);
    text = std::regex_replace(text, below, directory.path() + "/$1");
    text = std::regex_replace(text, std::regex("(signet_user *= )signet"), "$1nobody");
    text = std::regex_replace(text, std::regex("(signet_group *= )signet"), "$1nogroup");
    WriteFile(directory / "signet.conf", text);
    if (!part) return test::Run({SignetProgram(), "check", "-C", directory / "signet.conf"});
    static const auto registry = drivers::Registry::MakeBuiltin();
    const smtp::LoadedSite loaded =
        smtp::LoadSite(directory / "signet.conf", {}, *registry, smtp::LoadTls::kYes);
    Finished finished{.status = loaded.site ? 0 : 2};
    for (const Diagnostic& d : loaded.loaded.diagnostics) finished.output += Render(d);
    return finished;
  }

  // Statements need not be of one ACL.
  bool Loads(const Block& block, std::string* why) {
    const Kind kind = KindOf(block);
    if (Loads(block, kind, why)) return true;
    if (kind != Kind::kStatements) return false;
    for (const Block& statement : Statements(block))
      if (!Loads(statement, kind, why)) return false;
    return true;
  }

 private:
  static std::vector<Block> Statements(const Block& block) {
    std::vector<Block> statements;
    for (const std::string& line : Lines(block.text)) {
      if (IsStatement(std::string(Trim(line))) && !line.starts_with(' ')) {
        statements.push_back(block);
        statements.back().text.clear();
      }
      if (!statements.empty()) statements.back().text += line + "\n";
    }
    return statements;
  }

  bool Loads(const Block& block, Kind kind, std::string* why) {
    const bool part = block.fence != "signet";
    std::vector<std::string> places = {"acl_smtp_rcpt"};
    if (kind == Kind::kStatements)
      places = {"acl_smtp_rcpt", "acl_smtp_data", "acl_smtp_mail", "acl_smtp_connect",
                "acl_smtp_quit"};
    for (const std::string& place : places) {
      const std::string text = part ? Wrap(block, kind, place).Text() : block.text;
      const Finished finished = Check(text, part);
      if (finished.status == 0) {
        *why = finished.output;
        return true;
      }
      if (why->empty()) *why = finished.output + "\n" + text;
    }
    return false;
  }

  static void MakeFile(const TempDir& directory, const std::string& name) {
    static Authority authority;
    if (ReadFile(authority.pem("mx")).empty()) {
      testing::CertificateSpec mx = testing::ServerSpec();
      mx.alternative_names.push_back(testing::DnsName("mx.example.org"));
      authority.Issue("mx", mx);
    }
    const std::string path = directory / name;
    if (name.empty() || name.back() == '/' || std::filesystem::exists(path)) return;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    const auto has = [&](std::string_view part) { return name.find(part) != name.npos; };
    if (has("crl")) {
      WriteFile(path,
                testing::PemBlock("X509 CRL", testing::MakeCrl({}, authority.intermediate())));
    } else if (has(".key")) {
      testing::WriteFile(path, ReadFile(authority.key("mx")));
    } else if (has("ca") && has(".pem")) {
      WriteFile(path, ReadFile(authority.chain()));
    } else if (has(".pem")) {
      // Where no key is named, it stands in the same file.
      testing::WriteFile(path, ReadFile(authority.pem("mx")) + ReadFile(authority.key("mx")));
    } else if (has("tickets")) {
      testing::WriteFile(path, std::string(64, 'a') + "\n");
    } else if (has("pins") || has("relay_clientcerts")) {
      WriteFile(path, "laptop: pin=IU0aK5yrkt8IdS8bxV0dQ8g2nd0+rJTKaZ6t4TW8q5Q=\n");
    } else {
      WriteFile(path, "");
    }
  }
};

// Blocks that are no configurations of ours although they look so, and those that need what only
// the reader has.
bool IsForeign(const Block& block) {
  if (block.text.find("driver_modules") != block.text.npos) return true;  // make installcheck
  if (block.text.find("tls_ocsp_file") != block.text.npos) return true;   // needs a responder
  return block.page == "doc/drivers.md" || block.page == "doc/send.md";
}

// Parts of a block that a blank line divides are loaded each by itself, unless together they are
// one file.
std::vector<Block> Parts(const Block& block) {
  if (KindOf(block) == Kind::kWhole || block.fence.starts_with("signet")) return {block};
  std::vector<Block> parts;
  Block part = block;
  part.text.clear();
  int line = block.line - 1;
  auto finish = [&] {
    if (!part.text.empty()) parts.push_back(part);
    part.text.clear();
  };
  for (const std::string& text : Lines(block.text + "\n")) {
    ++line;
    if (text.empty()) {
      finish();
    } else {
      if (part.text.empty()) part.line = line;
      part.text += text + "\n";
    }
  }
  finish();
  return parts;
}

TEST_F(Manual, EveryConfigurationInItLoads) {
  std::map<std::string, int> loaded;
  for (const std::string& page : PagesOfManual()) {
    for (const Block& block : BlocksOf(page)) {
      if (block.fence != "indented" && !block.fence.starts_with("signet")) continue;
      for (const Block& part : Parts(block)) {
        Kind kind = KindOf(part);
        if (kind == Kind::kNone || IsForeign(part)) {
          EXPECT_FALSE(part.fence.starts_with("signet")) << part.Where() << ": is none";
          continue;
        }
        std::string why;
        EXPECT_TRUE(Loads(part, &why)) << part.Where() << ":\n" << part.text << "\n" << why;
        if (part.fence == "signet") {
          EXPECT_THAT(why, HasSubstr(": good, no mistakes\n")) << part.Where();
        }
        ++loaded[page];
      }
    }
  }
  EXPECT_GT(loaded["doc/configuration.md"], 150);
  EXPECT_GT(loaded["doc/configuration-acl.md"], 20);
  EXPECT_GE(loaded["README.md"], 1);
}

TEST_F(Manual, EveryFenceSaysWhatItHolds) {
  for (const std::string& page : PagesOfManual()) {
    for (const Block& block : BlocksOf(page)) {
      if (block.fence != "") continue;
      EXPECT_EQ(KindOf(block), Kind::kNone)
          << block.Where()
          << ": a configuration, but the fence says neither signet nor signet-part";
    }
  }
}

// Examples in manual pages: between .nf and .fi.
TEST_F(Manual, ConfigurationsInManualPagesLoad) {
  int loaded = 0;
  for (const char* page : {"doc/signet.8", "doc/signet.conf.5", "doc/signet-expansion.7"}) {
    const std::string text = ReadFile(page);
    for (std::size_t at = 0; (at = text.find("\n.nf\n", at)) != text.npos; ++at) {
      std::string example = text.substr(at + 5, text.find("\n.fi", at) - at - 4);
      for (const auto& [roff, plain] :
           std::map<std::string, std::string>{{"\\e", "\\"}, {"\\-", "-"}, {"\\(aq", "'"}})
        example = Replace(example, roff, plain);
      Block block{.page = page, .fence = "indented", .text = WithoutMargin(Lines(example))};
      const Kind kind = KindOf(block);
      if (kind == Kind::kNone) continue;
      std::string why;
      EXPECT_TRUE(Loads(block, &why)) << page << ":\n" << block.text << "\n" << why;
      ++loaded;
    }
  }
  EXPECT_GE(loaded, 1);
}

// What formats manual pages has nothing to say about them.
TEST_F(Manual, ManualPagesAreClean) {
  for (const char* page : {"doc/signet.8", "doc/signet.conf.5", "doc/signet-expansion.7"}) {
    const Finished lint = test::Run({"mandoc", "-Tlint", page});
    EXPECT_EQ(lint.status, 0) << lint.output;
    EXPECT_EQ(lint.output, "");
    const Finished groff = test::Run({"groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8", page});
    EXPECT_EQ(groff.status, 0) << groff.output;
    EXPECT_EQ(groff.output, "") << page;
  }
}

}  // namespace
}  // namespace signet::test
