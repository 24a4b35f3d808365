/* stock.h - the packaged library's own version of a function that our executable supplies. */
#ifndef DK_STOCK_H
#define DK_STOCK_H

/* dk_stock - address of the library's function of that name. Ends the program with a line that names it if
 * the library lacks it: it is then not a Darknet library. Any thread; the caller may keep the address. */
void *dk_stock(const char *name);

/* DK_STOCK - calls the library's version of the function named fn, whose type is that of our fn. */
#define DK_STOCK(fn) ((__typeof__(&fn))dk_stock_once(#fn, &dk_stock_##fn))
/* DK_STOCK_SLOT - one per function and file, at file scope: remembers the address. */
#define DK_STOCK_SLOT(fn) static void *_Atomic dk_stock_##fn

void *dk_stock_once(const char *name, void *_Atomic *slot);

#endif
