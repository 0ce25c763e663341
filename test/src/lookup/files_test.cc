// The drivers that read files, as the program uses them, on files that others made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/limits.h"
#include "src/engine/engine.h"
#include "src/lookup/lookup.h"
#include "test/support/process.h"

namespace signet::lookup {
namespace {

using expand::LookupAnswer;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Files : public testing::Test {
 protected:
  using Settings = std::map<std::string, std::string, std::less<>>;

  // What a fresh connection is answered.
  std::string Ask(std::string_view type, std::string_view key, std::string_view query,
                  std::string_view options = "", Settings settings = {},
                  std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    std::string shown;
    engine::RunInLoop([&] {
      auto config = std::make_shared<config::Config>();
      config->main.driver_options = settings;
      Worker worker(*registry_, config, nullptr);
      PerConnection connection(worker);
      shown = Show(connection.Find({registry_->FindLookup(type)->type.handle, key, query, options},
                                   Deadline::After(limit)));
    });
    return shown;
  }
  static std::string Show(const LookupAnswer& answer) {
    if (answer.kind == LookupAnswer::kFound) return "<" + answer.text + ">";
    if (answer.kind == LookupAnswer::kNotFound) return "none";
    return (answer.opening ? "cannot open: " : "deferred: ") + answer.text;
  }

  void Cdb(const std::string& name, const std::string& records) {
    test::Process::Options options;
    options.input = records + "\n";
    const auto made = test::Run({"cdb", "-c", directory_ / name}, options);
    ASSERT_EQ(made.status, 0) << made.output;
  }
  void Sqlite(const std::string& sql) {
    const auto made = test::Run({"sqlite3", directory_ / "s.db", sql});
    ASSERT_EQ(made.status, 0) << made.output;
  }
  std::string Sql(const std::string& query, Settings settings = {},
                  std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    return Ask("sqlite", "", query, "file=" + (directory_ / "s.db"), std::move(settings), limit);
  }

  test::TempDir directory_;
  std::unique_ptr<drivers::Registry> registry_ = drivers::Registry::MakeBuiltin();
};

TEST_F(Files, EveryTypeSaysWhyAFileCannotBeOpened) {
  const std::string none = directory_ / "none";
  const auto reason = [&](const char* purpose) {
    return "cannot open: failed to open " + none + purpose + ": No such file or directory";
  };
  EXPECT_EQ(Ask("lsearch", "k", none), reason(" for linear search"));
  EXPECT_EQ(Ask("cdb", "k", none), reason(" for cdb lookup"));
  EXPECT_EQ(Ask("json", "k", none), reason(" for json search"));
  EXPECT_EQ(Ask("dsearch", "k", none), reason(" for directory search"));
  EXPECT_EQ(Ask("sqlite", "", "select 1", "file=" + none),
            "cannot open: unable to open database file");
  EXPECT_NE(::access(none.c_str(), F_OK), 0) << "a lookup makes no file";
}

TEST_F(Files, WhatIsNoRegularFileIsNotRead) {
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const char* type : {"lsearch", "cdb", "json"}) {
    EXPECT_EQ(Ask(type, "k", fifo),
              "cannot open: " + fifo + " is not a regular file (" + type + " lookup)");
    EXPECT_EQ(Ask(type, "k", directory_.path()),
              "cannot open: " + directory_.path() + " is not a regular file (" + type + " lookup)");
  }
  EXPECT_EQ(Ask("sqlite", "", "select 1", "file=" + fifo),
            "cannot open: unable to open database file");
  EXPECT_EQ(Ask("dsearch", "k", fifo),
            "cannot open: " + fifo + " is not a directory (dsearch lookup)");
}

TEST_F(Files, NamesAreAbsolute) {
  for (const char* type : {"lsearch", "cdb", "json", "dsearch"})
    EXPECT_THAT(Ask(type, "k", "etc"),
                EndsWith("absolute file name expected for \"" + std::string(type) + "\" lookup"));
  const std::string wanted = "cannot open: absolute file name expected for \"sqlite\" lookup";
  EXPECT_EQ(Ask("sqlite", "", "select 1"), wanted);
  EXPECT_EQ(Ask("sqlite", "", "select 1", "file=s.db"), wanted);
  EXPECT_EQ(Ask("sqlite", "", "select 1", "", {{"sqlite_dbfile", "s.db"}}), wanted);
}

// --- dsearch -----------------------------------------------------------------------------

class Dsearch : public Files {
 protected:
  Dsearch() {
    test::WriteFile(directory_ / "file", "");
    test::WriteFile(directory_ / ".hidden", "");
    ::mkdir((directory_ / "sub").c_str(), 0700);
    test::WriteFile(directory_ / "sub/inner", "");
    EXPECT_EQ(::symlink("/nowhere/at/all", (directory_ / "link").c_str()), 0);
  }
  std::string Find(std::string_view key, std::string_view options = "") {
    return Ask("dsearch", key, directory_.path(), options);
  }
};

TEST_F(Dsearch, FindsEntriesWhateverTheyAre) {
  EXPECT_EQ(Find("file"), "<file>");
  EXPECT_EQ(Find("sub"), "<sub>");
  EXPECT_EQ(Find("link"), "<link>");
  EXPECT_EQ(Find(".hidden"), "<.hidden>");
  EXPECT_EQ(Find("."), "<.>");
  EXPECT_EQ(Find("none"), "none");
  EXPECT_EQ(Find("FILE"), "none");
  EXPECT_EQ(Find("fil*"), "none");
  EXPECT_EQ(Find("file", "ret=full"), "<" + (directory_ / "file") + ">");
}

TEST_F(Dsearch, FiltersByKind) {
  EXPECT_EQ(Find("file", "filter=file"), "<file>");
  EXPECT_EQ(Find("sub", "filter=file"), "none");
  EXPECT_EQ(Find("link", "filter=file"), "none");
  EXPECT_EQ(Find("sub", "filter=dir"), "<sub>");
  EXPECT_EQ(Find("file", "filter=dir"), "none");
  EXPECT_EQ(Find(".", "filter=dir"), "<.>");
  EXPECT_EQ(Find(".", "filter=subdir"), "none");
  EXPECT_EQ(Find("sub", "filter=subdir,ret=full"), "<" + (directory_ / "sub") + ">");
}

TEST_F(Dsearch, RuleL11NoKeyLeadsOutOfTheDirectory) {
  EXPECT_EQ(Find(".."), "none");
  EXPECT_EQ(Find("..", "filter=dir"), "none");
  EXPECT_EQ(Find("..", "key=path"), "none");
  EXPECT_EQ(Find(std::string_view("file\0x", 6)), "none");
  EXPECT_EQ(Find(std::string(5000, 'x')), "none");
  EXPECT_EQ(Find("sub/inner"), "deferred: key for dsearch lookup contains a slash: sub/inner");
  EXPECT_EQ(Find("sub/inner", "key=path"), "<sub/inner>");
  EXPECT_EQ(Find("sub/inner", "key=path,ret=full"), "<" + (directory_ / "sub/inner") + ">");
  EXPECT_EQ(Find("file/inner", "key=path"), "none");
  for (const char* key : {"../file", "sub/..", "sub/../file", "./file", "sub/./inner",
                          "/etc/passwd", "sub//inner", "sub/", "/"})
    EXPECT_EQ(Find(key, "key=path"),
              "deferred: key for dsearch lookup contains bad component: " + std::string(key));
}

// --- cdb ---------------------------------------------------------------------------------

TEST_F(Files, CdbFindsWhatTinycdbWrote) {
  Cdb("x.cdb", "+2,3:k1->one\n+2,0:k2->\n+3,4:K k->v,\"w\n+2,5:k1->later\n");
  EXPECT_EQ(Ask("cdb", "k1", directory_ / "x.cdb"), "<one>");
  EXPECT_EQ(Ask("cdb", "k2", directory_ / "x.cdb"), "<>");
  EXPECT_EQ(Ask("cdb", "K k", directory_ / "x.cdb"), "<v,\"w>");
  EXPECT_EQ(Ask("cdb", "K1", directory_ / "x.cdb"), "none");
  EXPECT_EQ(Ask("cdb", std::string_view("k1\0", 3), directory_ / "x.cdb"), "none");
}

TEST_F(Files, CdbThatIsDamagedIsTrouble) {
  test::WriteFile(directory_ / "short.cdb", std::string(2047, '\0'));
  EXPECT_EQ(Ask("cdb", "k1", directory_ / "short.cdb"), "cannot open: failed to open " +
                                                            (directory_ / "short.cdb") +
                                                            " too short for cdb lookup: Success");
  Cdb("x.cdb", "+2,3:k1->one\n");
  const std::string whole = test::ReadFile(directory_ / "x.cdb");
  test::WriteFile(directory_ / "cut.cdb", whole.substr(0, whole.size() - 8));
  EXPECT_THAT(Ask("cdb", "k1", directory_ / "cut.cdb"),
              StartsWith("deferred: " + (directory_ / "cut.cdb") + ": not a whole cdb file"));
  test::WriteFile(directory_ / "odd.cdb", std::string(2048, '\xff'));
  EXPECT_THAT(Ask("cdb", "k1", directory_ / "odd.cdb"), StartsWith("deferred: "));
}

TEST_F(Files, RuleL9CdbAnswersHaveALimit) {
  const std::string most(limits::kLookupAnswerBytes, 'x');
  const std::string size = std::to_string(most.size());
  Cdb("big.cdb", "+1," + size + ":a->" + most + "\n+1," + std::to_string(most.size() + 1) + ":b->" +
                     most + "x\n");
  EXPECT_EQ(Ask("cdb", "a", directory_ / "big.cdb"), "<" + most + ">");
  EXPECT_EQ(Ask("cdb", "b", directory_ / "big.cdb"),
            "deferred: the answer is longer than " + size + " octets");
}

// --- dbm ---------------------------------------------------------------------------------

TEST_F(Files, DbmFindsWhatBerkeleyDbWrote) {
  const std::string file = directory_ / "x.db";
  // Hexadecimal: "k1" NUL → "one" NUL; "k1" → "plain"; "a" NUL "b" → "joined".
  const auto made =
      test::Run({"db5.3_load", file},
                {.input = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n 6b3100\n 6f6e6500\n"
                          " 6b31\n 706c61696e\n 610062\n 6a6f696e6564\nDATA=END\n"});
  ASSERT_EQ(made.status, 0) << made.output;
  EXPECT_EQ(Ask("dbm", "k1", file), "<one>");
  EXPECT_EQ(Ask("dbmnz", "k1", file), "<plain>");
  EXPECT_EQ(Ask("dbm", "k2", file), "none");
  EXPECT_EQ(Ask("dbmnz", std::string_view("k1\0", 3), file), "none");
  EXPECT_EQ(Ask("dbmjz", std::string_view("a\0b", 3), file), "<joined>");
  EXPECT_EQ(Ask("dbmjz", "k1", file), "<plain>");
}

TEST_F(Files, DbmThatIsNoneIsTrouble) {
  const std::string file = directory_ / "none";
  EXPECT_EQ(Ask("dbm", "k", file), "cannot open: failed to open " + file +
                                       " as a db (v4.1+) file: No such file or directory");
  test::WriteFile(file, "ann: x\n");
  EXPECT_EQ(Ask("dbm", "k", file),
            "cannot open: failed to open " + file + " as a db (v4.1+) file: Invalid argument");
  EXPECT_EQ(Ask("dbmnz", "k", directory_.path()),
            "cannot open: " + directory_.path() + " is not a regular file (dbm lookup)");
}

TEST_F(Files, RuleL9DbmAnswersHaveALimit) {
  const std::string file = directory_ / "big.db";
  std::string most;
  for (std::size_t i = 0; i < limits::kLookupAnswerBytes; ++i) most += "78";
  const auto made =
      test::Run({"db5.3_load", file},
                {.input = "VERSION=3\nformat=bytevalue\ntype=btree\nHEADER=END\n 61\n " + most +
                          "\n 62\n " + most + "78\nDATA=END\n"});
  ASSERT_EQ(made.status, 0) << made.output;
  EXPECT_EQ(Ask("dbmnz", "a", file).size(), limits::kLookupAnswerBytes + 2);
  EXPECT_EQ(Ask("dbmnz", "b", file), "deferred: the answer is longer than " +
                                         std::to_string(limits::kLookupAnswerBytes) + " octets");
}

// --- json --------------------------------------------------------------------------------

class Json : public Files {
 protected:
  // Selectors with | between them.
  std::string Find(std::string key, const std::string& text) {
    std::replace(key.begin(), key.end(), '|', '\0');
    test::WriteFile(directory_ / "j.json", text);
    return Ask("json", key, directory_ / "j.json");
  }
};

TEST_F(Json, ShowsEachKindOfValue) {
  const std::string text =
      R"({"s":"a\u00e9\n\"","i":-12345678901234,"r":1.5,"e":1e300,"t":true,"f":false,"n":null,)"
      R"("o":{"k":[1,"x",{}]},"a":[[],{"b":2.0}],"7":"seven","":"empty"})";
  EXPECT_EQ(Find("s", text), "<a\xc3\xa9\n\">");
  EXPECT_EQ(Find("i", text), "<-12345678901234>");
  EXPECT_EQ(Find("r", text), "<1.500000>");
  EXPECT_THAT(Find("e", text), EndsWith(".000000>"));
  EXPECT_EQ(Find("t", text), "<true>");
  EXPECT_EQ(Find("f", text), "<false>");
  EXPECT_EQ(Find("n", text), "none");
  EXPECT_EQ(Find("o", text), "<{\"k\": [1, \"x\", {}]}>");
  EXPECT_EQ(Find("o|k|1", text), "<x>");
  EXPECT_EQ(Find("a|1", text), "<{\"b\": 2.0}>");
}

TEST_F(Json, WhatIsNotThereIsNotFound) {
  const std::string text = R"({"o":{"k":[1]},"7":"seven","1234567890":"x"})";
  for (const char* key : {"7", "1234567890", "O", "o|x", "o|k|1", "o|k|x", "o|k|0|x",
                          "o|k|99999999999999999999", "o|k|-1", "o|"})
    EXPECT_EQ(Find(key, text), "none") << key;
  for (const char* bad : {"", "{", "not", "{\"o\":1}x", "{\"o\":\"\\u0000\"}", "\xff"})
    EXPECT_EQ(Find("o", bad), "none") << bad;
}

TEST_F(Json, RuleL9NeitherFileNorAnswerIsWithoutLimit) {
  const std::string most(limits::kLookupAnswerBytes, 'x');
  EXPECT_EQ(Find("s", "{\"s\":\"" + most + "\"}"), "<" + most + ">");
  EXPECT_THAT(Find("s", "{\"s\":\"" + most + "x\"}"), StartsWith("deferred: the answer is longer"));
  EXPECT_THAT(Find("s", "{\"s\":[\"" + most + "\"]}"),
              StartsWith("deferred: the answer is longer"));
  std::string file = "[1]";
  file.resize(limits::kJsonFileMaxBytes, ' ');
  EXPECT_EQ(Find("0", file), "<1>");
  EXPECT_EQ(Find("0", file + " "), "deferred: " + (directory_ / "j.json") + ": is larger than " +
                                       std::to_string(limits::kJsonFileMaxBytes) + " octets");
  EXPECT_EQ(Find("0", std::string(1'000'000, '[')), "none");
}

// --- passwd ------------------------------------------------------------------------------

TEST_F(Files, PasswdShowsAnAccount) {
  EXPECT_EQ(Ask("passwd", "", "root").substr(0, 7), "<*:0:0:");
  EXPECT_EQ(Ask("passwd", "", "nobody-of-that-name"), "none");
  for (std::string_view name : {std::string_view("root\0", 5), std::string_view("root:x"),
                                std::string_view("root\n"), std::string_view("../root")})
    EXPECT_EQ(Ask("passwd", "", name), "none");
  EXPECT_EQ(Ask("passwd", "", std::string(100'000, 'x')), "none");
}

// --- sqlite ------------------------------------------------------------------------------

class Sqlite3 : public Files {
 protected:
  Sqlite3() {
    Sqlite(
        "create table u(name,home,q,n); insert into u values"
        "('ann','/home/ann','a \"q\\ b',NULL),('bob','',' x',5);");
  }
};

TEST_F(Sqlite3, ShowsRowsAsEximDoes) {
  EXPECT_EQ(Sql("select name from u order by name"), "<ann\nbob>");
  EXPECT_EQ(Sql("select * from u order by name"),
            "<name=ann home=/home/ann q=\"a \\\"q\\\\ b\" n=<NULL> \n"
            "name=bob home=\"\" q=\" x\" n=5 >");
  EXPECT_EQ(Sql("select n from u order by name"), "<<NULL>\n5>");
  EXPECT_EQ(Sql("select home from u where name='bob'"), "<>");
  EXPECT_EQ(Sql("select home from u where name='zz'"), "none");
  EXPECT_EQ(Sql("select name from u; select home from u -- more\n; "), "<ann\nbob\n/home/ann\n>");
  EXPECT_EQ(Sql("select x'410042'"), std::string("<A\0B>", 5));
  EXPECT_EQ(Sql("select 1.5, '\"q', 'q\"x' as b"), "<1.5=1.5 '\"q'=\"\\\"q\" b=q\"x >");
}

TEST_F(Sqlite3, AMistakeInTheQueryIsNotFoundAndChangesNothing) {
  EXPECT_EQ(Sql("select bogus from u"), "none");
  EXPECT_EQ(Sql("select name from u; bogus"), "none");
  EXPECT_EQ(Sql("begin; delete from u; bogus"), "none");
  EXPECT_EQ(Sql("select count(*) from u"), "<2>");
  EXPECT_EQ(Ask("sqlite", "", std::string("select '\0'", 10), "file=" + (directory_ / "s.db")),
            "deferred: sqlite: the query contains NUL");
}

TEST_F(Sqlite3, TheFileIsInAnOptionTheQueryOrTheSettings) {
  const std::string file = directory_ / "s.db", none = directory_ / "none";
  EXPECT_EQ(Ask("sqlite", "", " " + file + "   select name from u where n=5"), "<bob>");
  EXPECT_EQ(Ask("sqlite", "", "select name from u where n=5", "", {{"sqlite_dbfile", file}}),
            "<bob>");
  EXPECT_EQ(Ask("sqlite", "", file + " select 1", "file=" + file), "none");
  EXPECT_EQ(Ask("sqlite", "", "select 1", "file=" + file, {{"sqlite_dbfile", none}}), "<1>");
  EXPECT_EQ(Ask("sqlite", "", none + " select 1", "", {{"sqlite_dbfile", file}}),
            "cannot open: unable to open database file");
}

TEST_F(Sqlite3, WritingEmptiesTheCache) {
  engine::RunInLoop([&] {
    Worker worker(*registry_, std::make_shared<config::Config>(), nullptr);
    PerConnection connection(worker);
    const std::string options = "file=" + (directory_ / "s.db");
    const auto ask = [&](std::string_view query) {
      return Show(
          connection.Find({registry_->FindLookup("sqlite")->type.handle, "", query, options},
                          Deadline::After(std::chrono::seconds(10))));
    };
    EXPECT_EQ(ask("select count(*) from u"), "<2>");
    Sqlite("insert into u(name) values('zoe')");
    EXPECT_EQ(ask("select count(*) from u"), "<2>") << "answered from the cache";
    EXPECT_EQ(ask("insert into u(name) values('yan')"), "none");
    EXPECT_EQ(ask("select count(*) from u"), "<4>");
    EXPECT_EQ(ask("insert into u(name) values('yan')"), "none");
    EXPECT_EQ(ask("select count(*) from u"), "<5>");
  });
}

TEST_F(Sqlite3, ADatabaseThatIsReplacedIsOpenedAnew) {
  engine::RunInLoop([&] {
    Worker worker(*registry_, std::make_shared<config::Config>(), nullptr);
    const std::string options = "file=" + (directory_ / "s.db");
    const auto ask = [&] {
      PerConnection connection(worker);
      return Show(connection.Find(
          {registry_->FindLookup("sqlite")->type.handle, "", "select count(*) from u", options},
          Deadline::After(std::chrono::seconds(10))));
    };
    EXPECT_EQ(ask(), "<2>");
    const auto made = test::Run({"sqlite3", directory_ / "new.db", "create table u(name)"});
    ASSERT_EQ(made.status, 0);
    ASSERT_EQ(::rename((directory_ / "new.db").c_str(), (directory_ / "s.db").c_str()), 0);
    EXPECT_EQ(ask(), "<0>");
  });
}

TEST_F(Sqlite3, RuleL4AStatementEndsWithItsDeadline) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(
      Sql("with recursive c(x) as (select 1 union all select x+1 from c) select count(*) from c",
          {}, std::chrono::milliseconds(300)),
      "deferred: sqlite: timed out");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(Sqlite3, RuleL4ALockIsWaitedForAsLongAsItIsSaid) {
  test::Process::Options options;
  options.keep_input_open = true;
  test::Process locker({"sqlite3", directory_ / "s.db"}, options);
  locker.Send("begin exclusive;\nselect 'locked';\n");
  ASSERT_TRUE(locker.WaitForOutput("locked"));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Sql("select 1 from u", {{"sqlite_lock_timeout", "1s"}}),
            "deferred: sqlite: database is locked");
  const auto waited = std::chrono::steady_clock::now() - start;
  EXPECT_GE(waited, std::chrono::milliseconds(900));
  EXPECT_LT(waited, std::chrono::seconds(4));
}

TEST_F(Sqlite3, RuleL9AnswersHaveALimit) {
  const std::string most = std::to_string(limits::kLookupAnswerBytes);
  EXPECT_EQ(Sql("select length(x) from (select zeroblob(" + most + ") as x)"), "<" + most + ">");
  EXPECT_EQ(Sql("select zeroblob(" + most + ")").size(), limits::kLookupAnswerBytes + 2);
  EXPECT_EQ(Sql("select zeroblob(" + most + "+1)"),
            "deferred: the answer is longer than " + most + " octets");
  EXPECT_EQ(Sql("with recursive c(x) as (select 1 union all select x+1 from c) select x from c"),
            "deferred: the answer is longer than " + most + " octets");
}

TEST_F(Sqlite3, RuleL2QuotedTextIsOneValueWhateverItIs) {
  const auto& quote = registry_->FindLookup("sqlite")->type.quote;
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  for (const std::string& text : {std::string("it's"), std::string("'"), std::string("''"),
                                  std::string("'; drop table u; --"), std::string("\\'"),
                                  std::string(), every, std::string(1000, '\'')}) {
    std::string quoted;
    ASSERT_TRUE(quote("", text, &quoted));
    EXPECT_EQ(Sql("select '" + quoted + "'"), "<" + text + ">");
  }
  std::string ignored;
  EXPECT_FALSE(quote("like", "x", &ignored));
}

}  // namespace
}  // namespace signet::lookup
