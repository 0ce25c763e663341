#include "drivers/lookup/http_query.h"

#include <gtest/gtest.h>

namespace signet::http {
namespace {

std::string Json(std::string_view form) {
  std::string json;
  return FormToJson(form, &json) ? json : "bad";
}

TEST(HttpQuery, AFormBecomesAnObjectOfStrings) {
  EXPECT_EQ(Json(""), "{}");
  EXPECT_EQ(Json("a=b"), "{\"a\":\"b\"}");
  EXPECT_EQ(Json("a=&b=x%26y+z"), "{\"a\":\"\",\"b\":\"x&y z\"}");
  EXPECT_EQ(Json("a=%22%5C%00%1F%7F/"), "{\"a\":\"\\\"\\\\\\u0000\\u001f\\u007f/\"}");
  EXPECT_EQ(Json("a=%C3%BC%E2%82%AC%F0%9F%98%80"),
            "{\"a\":\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"}");
  for (const char* bad : {"a", "=b", "a=%", "a=%FF", "a=%C3", "a=%C0%80", "a=%ED%A0%80",
                          "a=%F4%90%80%80", "a=%E0%80%80", "a=b&&c=d", "%FF=a"})
    EXPECT_EQ(Json(bad), "bad") << bad;
}

std::string OriginOf(std::string_view url) {
  Query query;
  const std::string why = ParseQuery(url, "", &query);
  return why.empty() ? query.origin : "bad";
}

TEST(HttpQuery, TheHostIsWhatIsWritten) {
  EXPECT_EQ(OriginOf("https://H.example/a"), "https://h.example");
  EXPECT_EQ(OriginOf("HTTP://h.example:8080?x"), "http://h.example:8080");
  EXPECT_EQ(OriginOf("http://[::1]:80/"), "http://[::1]:80");
  EXPECT_EQ(OriginOf("http://h#x"), "http://h");
  for (const char* bad : {"http://", "http:h", "http://u@h/", "http://h\\x/", "http://h%41/",
                          "ftp://h/", "http://h:0/", "http://h:/", "http://::1/", "http://h/\x7f"})
    EXPECT_EQ(OriginOf(bad), "bad") << bad;
}

}  // namespace
}  // namespace signet::http
