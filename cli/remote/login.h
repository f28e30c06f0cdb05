/* Logins that mayfly login has kept: login.json in the user's configuration, which nobody else may
 * read. */
#ifndef MAYFLY_CLI_REMOTE_LOGIN_H
#define MAYFLY_CLI_REMOTE_LOGIN_H

#include "util/error.h"

/* Strings are its own; release it. */
struct login {
	char *url, *user, *password;
};

void login_release(struct login *login);

/* The login for that URL, or the last one where `url` is NULL. 0, also where there is none, and
 * then all is NULL; EPERM where others can read the file. */
int login_find(const char *url, struct login *login, struct error *error);

/* Keeps it, in the place of one for the same URL, as the last one. */
int login_keep(const char *url, const char *user, const char *password, struct error *error);

/* ENOENT where there is none. */
int login_forget(const char *url, struct error *error);

#endif
