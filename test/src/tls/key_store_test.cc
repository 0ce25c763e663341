#include "src/tls/key_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "src/base/channel.h"
#include "test/support/certificates.h"
#include "test/support/process.h"

namespace signet::tls {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class KeyStoreTest : public ::testing::Test {
 protected:
  // A key in a file that only we may read.
  std::string File(const std::string& name, int number) const {
    const std::string path = directory_ / name;
    test::WriteFile(path, testing::SharedKey(testing::KeyType::kEcdsaP256, number).Pem());
    ::chmod(path.c_str(), 0600);
    return path;
  }
  // "good", with what is behind it in `rest`, or why not.
  std::string Ask(const Packer& words, std::string* rest = nullptr) {
    Packer request;
    request.Put(std::uint64_t{7});
    const std::string answer = store_.Answer(request.text() + words.text(), client_);
    if (answer.empty()) return "";
    Unpacker in(answer);
    EXPECT_EQ(in.Number(), 7u);
    std::string verdict = in.Text();
    if (verdict != "good") return in.Text();
    if (rest != nullptr) *rest = in.rest();
    return verdict;
  }
  std::string Load(const std::string& path, std::uint64_t* key) {
    Packer words;
    words.Put("load");
    words.Put(path);
    std::string rest;
    std::string verdict = Ask(words, &rest);
    *key = Unpacker(rest).Number();
    return verdict;
  }
  std::string Sign(std::uint64_t key, std::uint64_t algorithm = kEcdsaSha256) {
    Packer words;
    words.Put("sign");
    words.Put(key);
    words.Put(algorithm);
    words.Put("data");
    return Ask(words);
  }
  void Drop(std::uint64_t key) {
    Packer words;
    words.Put("drop");
    words.Put(key);
    EXPECT_EQ(Ask(words), "");
  }

  static constexpr std::uint64_t kEcdsaSha256 = 14;  // GNUTLS_SIGN_ECDSA_SHA256
  test::TempDir directory_;
  KeyStore store_;
  std::uint64_t client_ = store_.NewClient();
};

TEST_F(KeyStoreTest, SignsWithWhatItHasLoaded) {
  std::uint64_t key = 0, again = 0;
  EXPECT_EQ(Load(File("one.key", 1), &key), "good");
  EXPECT_EQ(Load(directory_ / "one.key", &again), "good");
  EXPECT_EQ(key, again);
  EXPECT_EQ(Sign(key), "good");
  EXPECT_EQ(Sign(key + 1), "unknown");
}

TEST_F(KeyStoreTest, AKeyIsHeldAsLongAsItsFileHasItOrSomebodyUsesIt) {
  std::uint64_t old_key = 0, new_key = 0;
  ASSERT_EQ(Load(File("one.key", 1), &old_key), "good");
  ASSERT_EQ(Load(File("one.key", 2), &new_key), "good");
  EXPECT_NE(old_key, new_key);
  EXPECT_EQ(Sign(old_key), "good");
  Drop(old_key);
  EXPECT_EQ(Sign(old_key), "unknown");
  Drop(new_key);
  EXPECT_EQ(Sign(new_key), "good");
  // What only a process held that is no more is forgotten.
  ASSERT_EQ(Load(File("one.key", 3), &old_key), "good");
  ASSERT_EQ(Load(File("one.key", 4), &new_key), "good");
  EXPECT_EQ(Sign(old_key), "good");
  client_ = store_.NewClient();
  EXPECT_EQ(Sign(old_key), "unknown");
  EXPECT_EQ(Sign(new_key), "good");
}

TEST_F(KeyStoreTest, RuleC4RefusesWhatOthersMayRead) {
  std::uint64_t key = 0;
  const std::string path = File("one.key", 1);
  ::chmod(path.c_str(), 0640);
  EXPECT_THAT(Load(path, &key), HasSubstr("is open to group or others (mode 0640)"));
  EXPECT_THAT(Load(directory_ / "none.key", &key), StartsWith("unreadable cannot read"));
  test::WriteFile(directory_ / "junk.key", "junk");
  ::chmod((directory_ / "junk.key").c_str(), 0600);
  EXPECT_THAT(Load(directory_ / "junk.key", &key), StartsWith("unfit "));
}

TEST_F(KeyStoreTest, RequestsThatAreNoneAreAnsweredAndHarmNothing) {
  std::uint64_t key = 0;
  ASSERT_EQ(Load(File("one.key", 1), &key), "good");
  for (const char* text : {"", "junk", "1:7", "1:74:load", "1:74:load0:1:x", "1:74:sign",
                           "1:79:sign-hash1:1", "1:74:drop", "1:75:other", "99999999999999:x"})
    (void)store_.Answer(text, client_);
  for (const std::uint64_t algorithm : {0u, 1u, 999u, 1001u})
    EXPECT_NE(Sign(key, algorithm), "good");
  EXPECT_EQ(Sign(key), "good");
}

}  // namespace
}  // namespace signet::tls
