#include "src/cli/certificate_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "test/support/certificates.h"
#include "test/support/process.h"

namespace signet::cli {
namespace {

namespace make = signet::testing;
using test::TempDir;

void Touch(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0) << path;
  ::close(fd);
}

TEST(CertificateFiles, AreFoundInOrderOfTheirPaths) {
  TempDir directory;
  std::filesystem::create_directories(directory / "b/a");
  for (const char* name : {"c", "b/z", "b/a/x", "a"}) Touch(directory / name);
  const auto found = FindFiles(directory.path() + "//");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().paths, (std::vector<std::string>{"a", "b/a/x", "b/z", "c"}));
}

TEST(CertificateFiles, AreBoundedInDepth) {
  TempDir directory;
  std::string path = directory.path();
  for (std::size_t i = 1; i < limits::kCertificateTreeDepth; ++i) path += "/d";
  std::filesystem::create_directories(path);
  Touch(path + "/in");
  auto found = FindFiles(directory.path());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().paths.size(), 1u);
  EXPECT_TRUE(found.value().left_out.empty());
  std::filesystem::create_directories(path + "/d");
  Touch(path + "/d/out");
  found = FindFiles(directory.path());
  EXPECT_EQ(found.value().paths.size(), 1u);
  ASSERT_EQ(found.value().left_out.size(), 1u);
  EXPECT_TRUE(found.value().left_out[0].ends_with("too deep"));
}

TEST(CertificateFiles, AreBoundedInNumber) {
  TempDir directory;
  constexpr std::size_t kMost = 20;  // making as many as limits::kCertificateTreeFiles takes long
  std::filesystem::create_directories(directory / "d");
  for (std::size_t i = 0; i < kMost; ++i)
    Touch(directory / ((i % 2 == 0 ? "d/" : "") + std::to_string(i)));
  const auto found = FindFiles(directory.path(), kMost);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found.value().paths.size(), kMost);
  Touch(directory / "one more");
  EXPECT_FALSE(FindFiles(directory.path(), kMost).ok());
  EXPECT_TRUE(FindFiles(directory.path()).ok());
}

TEST(CertificateFiles, OfAFileClientsAndAuthoritiesAreToldApart) {
  TempDir directory;
  const make::Issued root = make::MakeRoot(), between = make::MakeIntermediate(root);
  const make::Key& key = make::SharedKey(make::KeyType::kEcdsaP256);
  const std::string one = make::Issue(make::ClientSpec("a@example.org"), key, &between).Pem();
  const std::string two = make::Issue(make::ClientSpec("b@example.org"), key, &between).Pem();
  test::WriteFile(directory / "all", one + between.Pem() + key.Pem() + two);
  const FileOfClients file = ReadClients(directory / "all");
  EXPECT_EQ(file.trouble, "");
  EXPECT_EQ(file.clients.size(), 2u);
  EXPECT_EQ(file.authorities.size(), 1u);
}

TEST(CertificateFiles, WhatIsNoCertificateIsNoTrouble) {
  TempDir directory;
  test::WriteFile(directory / "text", "0 is a digit, and \"-----BEGIN\" a word\n");
  test::WriteFile(directory / "key", make::SharedKey(make::KeyType::kEcdsaP256).Pem());
  for (const char* name : {"text", "key"}) {
    const FileOfClients file = ReadClients(directory / name);
    EXPECT_TRUE(file.clients.empty() && file.trouble.empty()) << name << ": " << file.trouble;
  }
  test::WriteFile(directory / "cut", make::MakeRoot().der.substr(0, 200));
  EXPECT_NE(ReadClients(directory / "cut").trouble, "");
}

}  // namespace
}  // namespace signet::cli
