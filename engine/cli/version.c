#include <archive.h>
#include <curl/curl.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <xxhash.h>
#include <zstd.h>

#include "engine/cli/cli.h"

/* Those that are loaded, and not those that the program was built with. */
void cli_print_version(void)
{
    int pq = PQlibVersion();
    unsigned xxh = XXH_versionNumber();

    printf("larder %s\n", LARDER_VERSION);
    printf("libpq %d.%d\n", pq / 10000, pq % 10000);
    printf("zstd %s\n", ZSTD_versionString());
    printf("%s\n", archive_version_string());
    printf("OpenSSL %s\n", OpenSSL_version(OPENSSL_VERSION_STRING));
    printf("libcurl %s\n", curl_version_info(CURLVERSION_NOW)->version);
    printf("jansson %s\n", jansson_version_str());
    printf("xxHash %u.%u.%u\n", xxh / 10000, xxh / 100 % 100, xxh % 100);
}
