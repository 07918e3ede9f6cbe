/* banned.h: functions that have a safer replacement in this tree. Every .c file includes it last
 * (tools/lint-banned). */
#ifndef PARLEY_BASE_BANNED_H
#define PARLEY_BASE_BANNED_H

#define BANNED(func) sorry_##func##_is_banned
#undef strcpy
#define strcpy BANNED(strcpy)
#undef strcat
#define strcat BANNED(strcat)
#undef strncpy
#define strncpy BANNED(strncpy)
#undef strncat
#define strncat BANNED(strncat)
#undef sprintf
#define sprintf BANNED(sprintf)
#undef vsprintf
#define vsprintf BANNED(vsprintf)
#undef strtok
#define strtok BANNED(strtok)
#undef atoi
#define atoi BANNED(atoi)
#undef atol
#define atol BANNED(atol)
#undef sscanf
#define sscanf BANNED(sscanf)
#undef gmtime
#define gmtime BANNED(gmtime)
#undef localtime
#define localtime BANNED(localtime)
#undef asctime
#define asctime BANNED(asctime)
#undef ctime
#define ctime BANNED(ctime)
#undef rand
#define rand BANNED(rand)
#undef system
#define system BANNED(system)
#undef tmpnam
#define tmpnam BANNED(tmpnam)
#undef alloca
#define alloca BANNED(alloca)

#endif
