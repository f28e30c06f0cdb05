/* Paths in a root whose contents are hostile. */
#ifndef MAYFLY_OCI_ROOT_RESOLVE_H
#define MAYFLY_OCI_ROOT_RESOLVE_H

enum resolve_make {
	RESOLVE_MAKE_NOTHING,
	RESOLVE_MAKE_FILE, /* an empty one, and directories that lead there */
	RESOLVE_MAKE_DIRECTORY,
};

/* Opens what `path` names as if the directory `root` were "/", with O_PATH: links are followed within
 * it, and ".." does not lead above it. What is not there is made, also what a link leads to. The
 * descriptor, or a negative errno. Whatever happens to the tree meanwhile, nothing outside is opened
 * or made. */
int resolve_in_root(int root, const char *path, enum resolve_make make);

#endif
