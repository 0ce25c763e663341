// Every configuration that the manual shows is loaded with `signet check`. Blocks of code are
// recognised as configurations by the names in them; what is only a part of one is completed:
//
//   the block has                                 and gets
//   "begin …"                                     nothing: it is a whole file, or nearly
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

#include <signal.h>

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
#include "test/support/process.h"

namespace signet::test {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// --- the blocks of a page ----------------------------------------------------------------------

struct Block {
  std::string page;
  int line = 0;
  std::string fence;                // its word; "indented" where there is no fence
  std::string section, subsection;  // headings of the second and third level
  std::string text;

  std::string Where() const { return page + ":" + std::to_string(line); }
};

std::string WithoutMargin(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += (line.size() > 4 ? line.substr(4) : std::string(Trim(line))) + "\n";
  return text;
}

std::vector<Block> BlocksOf(const std::string& page) {
  std::vector<Block> blocks;
  const std::vector<std::string> lines = Lines(ReadFile(page));
  Block here{.page = page};
  auto add = [&](int line, std::string fence, std::string text) {
    Block block = here;
    block.line = line;
    block.fence = std::move(fence);
    block.text = std::move(text);
    blocks.push_back(block);
  };
  bool paragraph = false;  // where an indented line only goes on
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const int number = static_cast<int>(i) + 1;
    if (line.starts_with("```")) {
      std::string text;
      while (++i < lines.size() && !lines[i].starts_with("```")) text += lines[i] + "\n";
      add(number, line.substr(3), text);
    } else if (line.starts_with("    ") && !paragraph) {
      std::vector<std::string> block;
      while (i < lines.size() && (lines[i].starts_with("    ") || lines[i].empty()))
        block.push_back(lines[i++]);
      --i;
      add(number, "indented", WithoutMargin(block));
    } else if (line.starts_with("## ")) {
      here.section = line.substr(3);
      here.subsection = "";
    } else if (line.starts_with("### ")) {
      here.subsection = line.substr(4);
    }
    paragraph = !Trim(line).empty() && !line.starts_with("```") && !line.starts_with("    ");
  }
  return blocks;
}

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

std::vector<std::string> PagesOfManual() {
  std::vector<std::string> pages = {"README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator("doc")) {
    const std::string path = entry.path().string();
    if (path.ends_with(".md") && !path.starts_with("doc/decisions/")) pages.push_back(path);
  }
  std::sort(pages.begin(), pages.end());
  return pages;
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

// --- first steps ---------------------------------------------------------------------------------

// The commands of doc/first-steps.md, one block behind the other, in a directory of its own. Only
// the port is another one.
class FirstSteps : public ::testing::Test {
 protected:
  FirstSteps() { WriteFile(directory_ / "here", directory_.path()); }
  ~FirstSteps() override {
    const std::string pid = ReadFile(Here() + "/signet.pid");
    if (!pid.empty()) kill(static_cast<pid_t>(std::stol(pid)), SIGTERM);
  }
  std::string Here() { return std::string(Trim(ReadFile(directory_ / "here"))); }

  Finished Bash(const std::string& commands) {
    const std::string program = std::filesystem::absolute(SignetProgram()).parent_path();
    WriteFile(directory_ / "commands", "set -e\ncd '" + Here() + "'\n" +
                                           Replace(commands, "2587", port_) + "\npwd > '" +
                                           directory_ / "here'");
    return test::Run({"bash", directory_ / "commands"},
                     {.environment = {"PATH=" + program + ":" + std::getenv("PATH"),
                                      "HOME=" + directory_.path()}});
  }

  // Runs all of them; what each printed, by its first line.
  void RunAll(bool with_gnutls) {
    for (const Block& block : BlocksOf("doc/first-steps.md")) {
      if (!block.fence.starts_with("sh")) continue;
      if (block.fence == "sh-gnutls" && !with_gnutls) continue;
      const Finished finished = Bash(block.text);
      EXPECT_EQ(finished.status, block.fence == "sh-fails" ? 1 : 0)
          << block.Where() << "\n"
          << block.text << finished.output;
      said_[block.text.substr(0, block.text.find('\n'))] = finished.output;
    }
  }
  std::string Said(const std::string& begin) {
    for (const auto& [command, output] : said_)
      if (command.starts_with(begin)) return output;
    return "nothing: " + begin;
  }

  TempDir directory_;
  std::string port_ = std::to_string(FreePort());
  std::map<std::string, std::string> said_;
};

TEST_F(FirstSteps, DoWhatTheySay) {
  RunAll(false);
  EXPECT_THAT(Said("signet cert alice.pem"), HasSubstr("alice@example.org"));
  EXPECT_THAT(Said("signet check"), HasSubstr("signet.conf: good, no mistakes\n"));
  EXPECT_THAT(Said("echo \"It works.\""), HasSubstr("CV=yes A=tls:alice@example.org"));
  EXPECT_THAT(Said("echo \"It works.\""), HasSubstr("\nIt works.\n"));
  EXPECT_THAT(Said("echo \"Send money.\""),
              HasSubstr("550 5.7.1 please come with a certificate (reference "));
}

TEST_F(FirstSteps, DoWhatTheySayWithACertificateOfGnuTlsToo) {
  RunAll(true);
  EXPECT_THAT(Said("echo \"It works.\""), HasSubstr("CV=yes A=tls:alice@example.org"));
}

// The command of doc/from-postfix.md that converts a table of fingerprints.
TEST(FromPostfix, ItsTableOfFingerprintsIsConverted) {
  TempDir directory;
  const std::string digits = "d7042fa70b8ca521fa3177e1418aee80aa61c355aabbccddeeff001122334455";
  std::string colons;
  for (std::size_t i = 0; i < digits.size(); ++i)
    colons += (i > 0 && i % 2 == 0 ? ":" : "") + std::string(1, ToUpper(digits[i]));
  WriteFile(directory / "relay_clientcerts", "# who may relay\n" + colons + " lutzpc.at.home\n\n" +
                                                 colons.substr(3) + ":66  other\n");
  for (const Block& block : BlocksOf("doc/from-postfix.md")) {
    if (block.fence != "sh") continue;
    WriteFile(directory / "command", "cd '" + directory.path() + "'\n" + block.text);
    EXPECT_EQ(test::Run({"bash", directory / "command"}).output, "");
  }
  EXPECT_EQ(ReadFile(directory / "relay_clientcerts.signet"),
            "lutzpc.at.home: fingerprint=" + digits + "\nother: fingerprint=" + digits.substr(2) +
                "66\n");
  const Finished list =
      test::Run({SignetProgram(), "pins", "list", directory / "relay_clientcerts.signet"});
  EXPECT_EQ(list.status, 0) << list.output;
  EXPECT_THAT(list.output, HasSubstr("lutzpc.at.home"));
}

// --- why.md
// ------------------------------------------------------------------------------------------

// The ten reasons of doc/why.md, each made to happen: what `explain` says is what stands there.
class TenReasons : public ::testing::Test {
 protected:
  static constexpr char kConfiguration[] = R"(
primary_hostname        = mx.example.org
daemon_smtp_ports       = 587
tls_certificate         = HERE/server.pem
tls_privatekey          = HERE/server.key
tls_try_verify_hosts    = *
tls_verify_certificates = HERE/ca.pem
tls_crl                 = HERE/crl.pem
acl_smtp_mail           = check_mail
acl_smtp_rcpt           = check_rcpt
ldap_default_servers    = 127.0.0.1::PORT
begin acl
check_mail:
  require message       = 550 5.7.1 sending needs a certificate
          authenticated = *
  require message       = $authenticated_id may not send as $sender_address
          condition     = ${if eqi{$sender_address}{$authenticated_id}}
  accept
check_rcpt:
  accept  authenticated = *
begin authenticators
tls:
  driver           = tls
  server_param1    = ${certextract{subj_altname,mail,>:}{$tls_in_peercert}}
  server_condition = ${if and{ {={1}{${listcount:$auth1}}} {bool{ASK}} }}
  server_set_id    = $auth1
begin routers
upstream:
  driver     = manualroute
  route_list = * 127.0.0.1
  transport  = to_mta
begin transports
to_mta:
  driver = smtp
)";
  static constexpr char kFile[] = "ASK = ${lookup{$auth1}lsearch{HERE/accounts}{yes}{no}}\n";
  static constexpr char kDirectory[] =
      "ASK = ${lookup ldap{ldap:///dc=org?uid?sub?(mail=${quote_ldap:$auth1})}{yes}{no}}\n";

  TenReasons() {
    WriteFile(directory_ / "accounts", "alice@example.org: yes\n");
    WriteFile(directory_ / "ca.pem", ReadFile(authority_.root()) + second_.Pem());
    WriteFile(directory_ / "server.pem", ReadFile(authority_.pem("server")));
    testing::WriteFile(directory_ / "server.key", ReadFile(authority_.key("server")));
    const auto& revoked = authority_.Issue("revoked", testing::ClientSpec());
    testing::CrlSpec crl;
    crl.serials = {testing::SerialOf(revoked.der)};
    WriteFile(directory_ / "crl.pem",
              testing::PemBlock("X509 CRL", testing::MakeCrl(crl, authority_.intermediate())));
  }

  std::string Issue(const testing::CertificateSpec& spec) {
    authority_.Issue("client", spec);
    return authority_.pem("client");
  }
  std::string IssueUnderConstraints() {
    testing::CertificateSpec partner;
    partner.subject = testing::CommonName("Partner CA");
    partner.ca = true;
    partner.key_usage = testing::kKeyCertSign;
    partner.permitted = {testing::MailName("partner.example")};
    const testing::Key& key = testing::SharedKey(testing::KeyType::kEcdsaP256, 7);
    const auto ca = testing::Issue(partner, key, &second_);
    const auto leaf = testing::Issue(testing::ClientSpec(), key, &ca);
    const std::string file = directory_ / "constrained.pem";
    WriteFile(file, leaf.Pem() + ca.Pem());
    return file;
  }

  // What explain says of a client, blanks and line breaks as one blank.
  std::string Explain(const std::string& certificate, const std::string& from,
                      const std::string& ask = kFile) {
    const std::string text = Replace(ask + kConfiguration, "HERE", directory_.path());
    WriteFile(directory_ / "signet.conf", Replace(text, "PORT", std::to_string(FreePort())));
    std::vector<std::string> words = {
        SignetProgram(), "explain", "-C",   directory_ / "signet.conf",
        "--from",        from,      "--to", "bob@example.net"};
    if (!certificate.empty()) words.insert(words.end(), {"--cert", certificate});
    std::istringstream in(test::Run(words).output);
    std::string all;
    for (std::string word; in >> word;) all += word + " ";
    return all;
  }

  // The phrase of the row "explain" of a section.
  static std::string Phrase(int number) {
    const std::string page = ReadFile("doc/why.md");
    const std::size_t section = page.find("\n### " + std::to_string(number) + ". ");
    const std::string row = "\n| `explain`, `why` | `";
    const std::size_t begin = page.find(row, section) + row.size();
    return page.substr(begin, page.find('`', begin) - begin);
  }

  Authority authority_, other_{"Other", 1};
  testing::Issued second_ = testing::MakeRoot("Second Root", testing::KeyType::kEcdsaP384, 120);
  TempDir directory_;
};

TEST_F(TenReasons, AreSaidInTheWordsOfTheManual) {
  const std::string alice = "alice@example.org";
  testing::CertificateSpec expired = testing::ClientSpec(), server = testing::ClientSpec(),
                           nameless = testing::ClientSpec(), two = testing::ClientSpec();
  expired.not_after = testing::kYear2020 + 86400;
  server.purposes = {std::string(testing::kServerAuth)};
  nameless.alternative_names.clear();
  two.alternative_names.push_back(testing::MailName("alice.smith@example.org"));
  other_.Issue("alice", testing::ClientSpec());

  EXPECT_THAT(Explain("", alice), HasSubstr(Phrase(1)));
  EXPECT_THAT(Explain(other_.pem("alice"), alice), HasSubstr(Phrase(2)));
  EXPECT_THAT(Explain(Issue(expired), alice), HasSubstr(Phrase(3)));
  EXPECT_THAT(Explain(Issue(server), alice), HasSubstr(Phrase(4)));
  EXPECT_THAT(Explain(authority_.pem("revoked"), alice), HasSubstr(Phrase(5)));
  EXPECT_THAT(Explain(IssueUnderConstraints(), alice), HasSubstr(Phrase(6)));
  EXPECT_THAT(Explain(Issue(nameless), alice), HasSubstr(Phrase(7)));
  EXPECT_THAT(Explain(Issue(two), alice), HasSubstr(Phrase(7)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec("zoe@example.org")), "zoe@example.org"),
              HasSubstr(Phrase(8)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec("zoe@example.org")), "zoe@example.org"),
              HasSubstr("= not found"));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec()), alice, kDirectory), HasSubstr(Phrase(9)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec()), "bob@example.org"), HasSubstr(Phrase(10)));
  EXPECT_THAT(Explain(Issue(testing::ClientSpec()), alice), HasSubstr("ACCEPTED"));
}

// --- recipes
// -----------------------------------------------------------------------------------------

// Each recipe of doc/recipes.md with the certificates that it is for: its commands are run as they
// stand, and what comes out is what stands behind "#".
class Recipes : public ::testing::Test {
 protected:
  static constexpr char kPeople[] = R"(dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: Alice
mail: alice@example.org

dn: cn=signet,ou=services,dc=example,dc=org
objectClass: organizationalRole
cn: signet
userPassword: secret

dn: ou=staff,dc=example,dc=org
objectClass: organizationalUnit
ou: staff

dn: cn=Alice,ou=staff,dc=example,dc=org
objectClass: user
cn: Alice
sn: Alice
userPrincipalName: alice@corp.example.org
userAccountControl: 512
mail: alice@example.org
)";

  Recipes() {
    using testing::MailName;
    Issue("alice", {MailName("alice@example.org")});
    Issue("job", {testing::UriName("spiffe://example.org/job/invoices")}, 1798761600);  // 2027
    Issue("smartcard",
          {testing::OtherName("1.3.6.1.4.1.311.20.2.3", testing::Utf8("alice@corp.example.org"))});
    Issue("printer-2", {testing::DnsName("printer-2.example.org")});
    partner_.Issue("carol", testing::ClientSpec("carol@partner.example"));
    partner_.Issue("alice", testing::ClientSpec("alice@example.org"));
    Put("carol-of-partner.pem", ReadFile(partner_.pem("carol")));
    Put("alice-of-partner.pem", ReadFile(partner_.pem("alice")));
    testing::CertificateSpec mx = testing::ServerSpec();
    mx.alternative_names.push_back(testing::DnsName("mx.example.org"));
    authority_.Issue("mx", mx);
    Put("server.pem", ReadFile(authority_.pem("mx")));
    testing::WriteFile(directory_ / "server.key", ReadFile(authority_.key("mx")));
    Put("client-ca.pem", ReadFile(authority_.root()) + ReadFile(partner_.root()));
    Put("directory-ca.pem", ReadFile(authority_.root()));
    Put("ldap-password.conf", "LDAP_PASSWORD = secret\n");
    Put("people.ldif", kPeople);
    Put("pins", "");
    Put("jobs", "\"spiffe://example.org/job/invoices\": invoices@example.org\n");
    Put("devices", "printer-2.example.org: printer-2@example.org\n");
    Put("passwd", "alice@example.org: $6$x$y\n");
    testing::CrlSpec list;
    list.next_update = 1798761600;
    std::filesystem::create_directory(directory_ / "crls");
    Put("crls/clients.crl",
        testing::PemBlock("X509 CRL", testing::MakeCrl(list, authority_.intermediate())));
  }

  void Put(const std::string& name, const std::string& text) { WriteFile(directory_ / name, text); }
  void Issue(const std::string& name, std::vector<std::string> names,
             std::int64_t until = testing::kYear2120) {
    testing::CertificateSpec spec = testing::ClientSpec();
    spec.subject = testing::CommonName(name);
    spec.alternative_names = std::move(names);
    spec.not_after = until;
    authority_.Issue(name, spec);
    Put(name + ".pem", ReadFile(authority_.pem(name)));
  }

  // What differs from the page: where /etc/signet is, and whose pin the partner's authority has.
  std::string Here(const std::string& text) {
    const Finished pins = test::Run({SignetProgram(), "pins", "show", partner_.root()});
    std::smatch match;
    std::regex_search(pins.output, match, std::regex("([A-Za-z0-9+/]{43}=)"));
    return Replace(Replace(text, "/etc/signet/", directory_.path() + "/"),
                   "IU0aK5yrkt8IdS8bxV0dQ8g2nd0+rJTKaZ6t4TW8q5Q=", match[1].str());
  }

  Finished Bash(const std::string& command) {
    const std::string program = std::filesystem::absolute(SignetProgram()).parent_path();
    Put("command", "cd '" + directory_.path() + "'\n" + Here(command) + "\n");
    return test::Run({"bash", directory_ / "command"},
                     {.environment = {"PATH=" + program + ":" + std::getenv("PATH")}});
  }

  void RunCommand(const Block& block, const std::string& line) {
    static const std::map<std::string, int> statuses = {
        {"ACCEPTED", 0}, {"REFUSED", 1}, {"DEFERRED", 75}};
    std::istringstream wanted(line.substr(line.find(" # ") + 3));
    std::string verdict, identity;
    wanted >> verdict >> identity;
    const Finished finished = Bash(line);
    const std::string where = block.Where() + "\n" + line + "\n" + finished.output;
    EXPECT_EQ(finished.status, statuses.at(verdict)) << where;
    EXPECT_THAT(finished.output, ::testing::StartsWith(verdict + " ")) << where;
    if (!identity.empty()) {
      EXPECT_THAT(finished.output, HasSubstr("authenticated as " + identity)) << where;
    }
  }

  Authority authority_, partner_{"Partner", 1};
  TempDir directory_;
};

TEST_F(Recipes, GiveWhatTheySay) {
  int recipes = 0, commands = 0;
  for (const Block& block : BlocksOf("doc/recipes.md")) {
    if (block.fence == "signet") {
      Put("signet.conf", Here(block.text));
      ++recipes;
    }
    if (block.fence != "indented") continue;
    for (const std::string& line : Lines(block.text)) {
      if (line.starts_with("signet pins add ")) {
        EXPECT_EQ(Bash(line).status, 0) << line;
      } else if (line.starts_with("signet explain ") && line.find(" # ") != line.npos) {
        RunCommand(block, line);
        ++commands;
      }
    }
  }
  EXPECT_EQ(recipes, 12);
  EXPECT_GE(commands, 15);
}

}  // namespace
}  // namespace signet::test
