#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "src/cli/expander.h"
#include "src/cli/options.h"
#include "src/cli/peer.h"
#include "test/support/certificates.h"
#include "test/support/fake_drivers.h"

namespace signet::cli {
namespace {

namespace certs = signet::testing;

class NoServices : public expand::Services {
 public:
  expand::LookupAnswer Lookup(const expand::LookupRequest& request) override {
    queries.emplace_back(request.query);
    return {expand::LookupAnswer::kFound, "found"};
  }
  expand::LookupAnswer AuthenticateBy(int, std::string_view) override { return {}; }
  std::int64_t Now() override { return certs::kYear2020 + 86400; }
  std::vector<std::string> queries;
};

class ExpandTest : public ::testing::Test {
 protected:
  ExpandTest() { UseConfig(""); }
  void UseConfig(const std::string& text) {
    loaded_ = config::LoadText("t.conf", text, {}, *registry_);
    ASSERT_NE(loaded_.config, nullptr);
    expander_ = std::make_unique<Expander>(*loaded_.config, services_, &session_);
  }
  std::string Take(const std::string& line) { return expander_->Take("line 1", line).text; }

  std::unique_ptr<drivers::Registry> registry_ = test::MakeFakeDrivers();
  config::Loaded loaded_;
  NoServices services_;
  facts::Session session_;
  std::unique_ptr<Expander> expander_;
};

TEST_F(ExpandTest, LineIsExpanded) {
  EXPECT_EQ(Take("${lc:ABC} \\x41"), "abc A");
  EXPECT_EQ(Take("plain"), "plain");
}

TEST_F(ExpandTest, MistakeIsSaidTwiceShortAndWithItsPlace) {
  Expander::Answer answer = expander_->Take("line 7", "a ${lcc:ABC}");
  EXPECT_TRUE(answer.failed);
  EXPECT_EQ(answer.text, "Failed: unknown expansion operator \"lcc\"");
  EXPECT_EQ(answer.diagnostics,
            "line 7:1:5: error: unknown expansion operator \"lcc\"; did you mean \"lc\"? "
            "[unknown-name]\n"
            "  a ${lcc:ABC}\n"
            "      ^^^\n");
}

TEST_F(ExpandTest, FailureWhileExpandingIsSaidWithItsPlace) {
  Expander::Answer answer = expander_->Take("line 1", "x${if eq{a}{b}{c}fail}");
  EXPECT_TRUE(answer.failed);
  EXPECT_EQ(answer.text, "Failed: \"if\" failed and \"fail\" requested");
  EXPECT_TRUE(answer.diagnostics.starts_with("line 1:1:2: error: ")) << answer.diagnostics;
}

TEST_F(ExpandTest, MacrosAreDefinedAndThoseOfTheConfigurationKnown) {
  UseConfig("FIRST = one\n");
  EXPECT_EQ(Take("FIRST"), "one");
  EXPECT_EQ(Take("NEXT = FIRST two"), "Defined macro 'NEXT'");
  EXPECT_EQ(Take("NEXT three"), "one two three");
  EXPECT_EQ(Take("NEXT = four"),
            "Failed: macro \"NEXT\" is already defined (use \"==\" if you want to redefine it)");
  EXPECT_EQ(Take("NEXT == ${uc:x}"), "Defined macro 'NEXT'");
  EXPECT_EQ(Take("NEXT"), "X");
}

TEST_F(ExpandTest, MacroTextPointsAtItsUse) {
  UseConfig("BAD = ${sha265:x}\n");
  Expander::Answer answer = expander_->Take("line 1", "see BAD");
  EXPECT_TRUE(answer.diagnostics.starts_with("line 1:1:5: error: ")) << answer.diagnostics;
}

TEST_F(ExpandTest, AclVariablesAreSetToWhatTheLineExpandsTo) {
  EXPECT_EQ(Take("set acl_m_x = ${uc:hi}"), "variable acl_m_x set");
  EXPECT_EQ(Take("set acl_c0=a b"), "variable acl_c0 set");
  EXPECT_EQ(Take("$acl_m_x/$acl_c0"), "HI/a b");
  EXPECT_EQ(Take("set acl_mx = 1"), "Failed: \"acl_mx\" is not the name of a variable");
  EXPECT_EQ(Take("set acl_m_x"), "Failed: \"=\" expected in \"set NAME = VALUE\"");
  EXPECT_EQ(Take("set acl_m_x = ${if"), Take("${if"));
}

TEST_F(ExpandTest, OtherVariablesCanBeSetWhereTheyExist) {
  EXPECT_EQ(Take("set sender_address = a@b.example"), "variable sender_address set");
  EXPECT_EQ(Take("$sender_address"), "a@b.example");
  EXPECT_EQ(Take("set sender_adress = x"),
            "Failed: unknown variable name \"sender_adress\"; did you mean \"sender_address\"?");
}

// What is set in place of the client's word is treated like it.
TEST_F(ExpandTest, SetVariablesAreTheClientsWord) {
  EXPECT_EQ(Take("set sender_address = x)(uid=*"), "variable sender_address set");
  Expander::Answer answer =
      expander_->Take("line 1", "${lookup ldap{ldap:///?u?sub?(m=$sender_address)}}");
  EXPECT_TRUE(answer.failed) << answer.text;
  EXPECT_TRUE(services_.queries.empty());
  EXPECT_EQ(Take("${lookup ldap{ldap:///?u?sub?(m=${quote_ldap:$sender_address})}}"), "found");
}

TEST_F(ExpandTest, NamedListsOfTheConfigurationAreKnown) {
  UseConfig("domainlist d = a.example : b.example\n");
  EXPECT_EQ(Take("${listnamed:d}"), "a.example : b.example");
}

// --- the verb -----------------------------------------------------------------------------

class ExpandVerb : public ::testing::Test {
 protected:
  ExpandVerb() {
    std::string name = (std::filesystem::temp_directory_path() / "signet-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~ExpandVerb() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::string path = folder_ + '/' + name;
    EXPECT_TRUE(certs::WriteFile(path, text));
    return path;
  }

  int Expand(std::vector<std::string> words, const std::string& input = "") {
    words.insert(words.begin(), "expand");
    Result<Arguments, UsageError> arguments = ParseArguments(words);
    EXPECT_TRUE(arguments.ok()) << (arguments ? "" : arguments.error().message);
    if (!arguments) return -1;
    std::istringstream lines(input);
    std::streambuf* before = std::cin.rdbuf(lines.rdbuf());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    int status = RunExpand(arguments.value());
    out_ = ::testing::internal::GetCapturedStdout();
    err_ = ::testing::internal::GetCapturedStderr();
    std::cin.rdbuf(before);
    return status;
  }

  std::string folder_, out_, err_;
};

TEST_F(ExpandVerb, ArgumentsAreExpandedInOrder) {
  std::string conf = Write("c", "primary_hostname = mx.example.org\n");
  EXPECT_EQ(Expand({"-C", conf, "${uc:a}", "$primary_hostname"}), kGood);
  EXPECT_EQ(out_, "A\nmx.example.org\n");
  EXPECT_EQ(err_, "");
}

TEST_F(ExpandVerb, FailureIsTheAnswerNo) {
  std::string conf = Write("c", "");
  EXPECT_EQ(Expand({"-C", conf, "${nope:a}", "b"}), kNo);
  EXPECT_EQ(out_.substr(0, 7), "Failed:");
  EXPECT_TRUE(out_.ends_with("\nb\n"));
  EXPECT_TRUE(err_.starts_with("argument 1:1:3: error: ")) << err_;
}

TEST_F(ExpandVerb, LinesOfInputAreExpandedAndMayGoOn) {
  std::string conf = Write("c", "");
  EXPECT_EQ(Expand({"-C", conf}, "${uc:\\\n   a}\n\nset acl_m0 = 1 \n$acl_m0"), kGood);
  EXPECT_EQ(out_, "A\n\nvariable acl_m0 set\n1\n");
}

TEST_F(ExpandVerb, SettingsComeFromTheCommandLine) {
  std::string conf = Write("c", "");
  EXPECT_EQ(Expand({"-C", conf, "--set", "acl_m_x=1", "--set", "sender_helo_name=me", "-DM=2",
                    "$acl_m_x M $sender_helo_name"}),
            kGood);
  EXPECT_EQ(out_, "1 2 me\n");
  EXPECT_EQ(Expand({"-C", conf, "--set", "sender_helo_nam=me", "x"}), kUsage);
  EXPECT_EQ(err_,
            "signet: --set: unknown variable name \"sender_helo_nam\"; did you mean "
            "\"sender_helo_name\"?\n");
}

TEST_F(ExpandVerb, BadConfigurationIsSaid) {
  EXPECT_EQ(Expand({"-C", Write("c", "nonsense = 1\n"), "x"}), kUsage);
  EXPECT_EQ(out_, "");
  EXPECT_NE(err_.find("main option \"nonsense\" unknown"), std::string::npos);
}

TEST_F(ExpandVerb, FilesAreLookedUpInReally) {
  std::string table = Write("table", "alice: wonderland\n");
  EXPECT_EQ(Expand({"-C", Write("c", ""), "${lookup{alice}lsearch{" + table + "}}"}), kGood)
      << err_;
  EXPECT_EQ(out_, "wonderland\n");
}

TEST_F(ExpandVerb, CertificateIsThePeersAndVerified) {
  certs::Issued root = certs::MakeRoot();
  certs::Issued alice = certs::Issue(certs::ClientSpec("alice@example.org"),
                                     certs::SharedKey(certs::KeyType::kEcdsaP256), &root);
  std::string pem = Write("alice.pem", alice.Pem());
  std::string question =
      "$tls_in_certificate_verified ${certextract{subj_altname,mail}{$tls_in_peercert}}";
  std::string conf = Write("c", "tls_certificate = /c\ntls_verify_certificates = " +
                                    Write("root.pem", root.Pem()) + "\n");
  EXPECT_EQ(Expand({"-C", conf, "--cert", pem, question}), kGood) << err_;
  EXPECT_EQ(out_, "1 alice@example.org\n");
  EXPECT_EQ(err_, "");

  std::string other =
      Write("other.pem", certs::MakeRoot("Another", certs::KeyType::kEcdsaP384, 102).Pem());
  conf = Write("c", "tls_verify_certificates = " + other + "\n");
  EXPECT_EQ(Expand({"-C", conf, "--cert", pem, question}), kGood);
  EXPECT_EQ(out_, "0 alice@example.org\n");
  EXPECT_TRUE(err_.starts_with("signet: the certificate does not verify: ")) << err_;

  EXPECT_EQ(Expand({"-C", Write("c", ""), "--cert", pem, question}), kGood);
  EXPECT_EQ(out_, "0 alice@example.org\n");
  EXPECT_EQ(err_, "signet: the certificate does not verify: tls_verify_certificates is not set\n");
}

TEST_F(ExpandVerb, FileWithoutCertificateIsSaid) {
  EXPECT_EQ(Expand({"-C", Write("c", ""), "--cert", folder_ + "/none", "x"}), kUsage);
  EXPECT_EQ(err_, "signet: cannot read \"" + folder_ + "/none\": No such file or directory\n");
  EXPECT_EQ(Expand({"-C", Write("c", ""), "--cert", Write("junk", "junk"), "x"}), kUsage);
  EXPECT_TRUE(err_.starts_with("signet: \"" + folder_ + "/junk\"")) << err_;
}

}  // namespace
}  // namespace signet::cli
