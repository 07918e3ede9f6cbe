/* words.c: what Parley says on its own when a flow does not say it, and how a day is written, in each language. A new
 * language is one more row. A language without a row gets English words and ISO days. */
#include "flow/text_internal.h"

#include "base/banned.h"

struct say_words {
    const char *language;
    const char *months;     /* in order, with spaces between */
    const char *day, *year; /* what follows the day and precedes the year */
    const char *word[WORD_COUNT];
};

/* English is first, because a language without a row gets the first one. */
static const struct say_words all_words[] = {
    {.language = "en",
     .months = "January February March April May June July August September October November December",
     .day = " ",
     .year = " ",
     .word =
         {
             [WORD_FALLBACK] = "Sorry, I did not understand that. Could you say it another way?",
             [WORD_DID_YOU_MEAN] = "Did you mean one of these?",
             [WORD_RETRY_TEXT] = "Please type your answer.",
             [WORD_RETRY_EMAIL] = "That does not look like an e-mail address. It should look like name@example.com.",
             [WORD_RETRY_NUMBER] = "Please answer with a number.",
             [WORD_RETRY_DATE] = "I could not read that date. Please write it like 2026-03-31.",
             [WORD_RETRY_PHONE] = "That does not look like a phone number. Please include the area code.",
             [WORD_RETRY_CHOICE] = "Please choose one of the options.",
             [WORD_RETRY_PATTERN] = "That does not look right. Please check it and try again.",
         }},
    {.language = "es",
     .months = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
     .day = " de ",
     .year = " de ",
     .word =
         {
             [WORD_FALLBACK] = "Lo siento, no lo he entendido. ¿Puede decirlo de otra manera?",
             [WORD_DID_YOU_MEAN] = "¿Se refiere a alguna de estas preguntas?",
             [WORD_RETRY_TEXT] = "Por favor, escriba su respuesta.",
             [WORD_RETRY_EMAIL] = "Eso no parece una dirección de correo. Debería ser como nombre@example.com.",
             [WORD_RETRY_NUMBER] = "Por favor, responda con un número.",
             [WORD_RETRY_DATE] = "No he podido leer esa fecha. Escríbala así: 2026-03-31.",
             [WORD_RETRY_PHONE] = "Eso no parece un número de teléfono. Incluya el prefijo, por favor.",
             [WORD_RETRY_CHOICE] = "Por favor, elija una de las opciones.",
             [WORD_RETRY_PATTERN] = "Eso no parece correcto. Revíselo e inténtelo de nuevo.",
         }},
    {.language = "de",
     .months = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
     .day = ". ",
     .year = " ",
     .word =
         {
             [WORD_FALLBACK] = "Das habe ich leider nicht verstanden. Können Sie es anders sagen?",
             [WORD_DID_YOU_MEAN] = "Meinten Sie eine dieser Fragen?",
             [WORD_RETRY_TEXT] = "Bitte schreiben Sie Ihre Antwort.",
             [WORD_RETRY_EMAIL] =
                 "Das sieht nicht nach einer E-Mail-Adresse aus. Sie sollte wie name@example.com aussehen.",
             [WORD_RETRY_NUMBER] = "Bitte antworten Sie mit einer Zahl.",
             [WORD_RETRY_DATE] = "Dieses Datum konnte ich nicht lesen. Bitte schreiben Sie es so: 2026-03-31.",
             [WORD_RETRY_PHONE] = "Das sieht nicht nach einer Telefonnummer aus. Bitte mit Vorwahl angeben.",
             [WORD_RETRY_CHOICE] = "Bitte wählen Sie eine der Möglichkeiten.",
             [WORD_RETRY_PATTERN] =
                 "Das scheint nicht zu stimmen. Bitte prüfen Sie es und versuchen Sie es noch einmal.",
         }},
    {.language = "fr",
     .months = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
     .day = " ",
     .year = " ",
     .word =
         {
             [WORD_FALLBACK] = "Désolé, je n’ai pas compris. Pouvez-vous le dire autrement ?",
             [WORD_DID_YOU_MEAN] = "Vouliez-vous dire une de ces questions ?",
             [WORD_RETRY_TEXT] = "Veuillez écrire votre réponse.",
             [WORD_RETRY_EMAIL] =
                 "Cela ne ressemble pas à une adresse e-mail. Elle devrait être comme nom@example.com.",
             [WORD_RETRY_NUMBER] = "Veuillez répondre par un nombre.",
             [WORD_RETRY_DATE] = "Je n’ai pas pu lire cette date. Veuillez l’écrire ainsi : 2026-03-31.",
             [WORD_RETRY_PHONE] = "Cela ne ressemble pas à un numéro de téléphone. Veuillez inclure l’indicatif.",
             [WORD_RETRY_CHOICE] = "Veuillez choisir une des options.",
             [WORD_RETRY_PATTERN] = "Cela ne semble pas correct. Veuillez vérifier et réessayer.",
         }},
    {.language = "pt",
     .months = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
     .day = " de ",
     .year = " de ",
     .word =
         {
             [WORD_FALLBACK] = "Desculpe, não entendi. Pode dizer de outra forma?",
             [WORD_DID_YOU_MEAN] = "Quis dizer uma destas perguntas?",
             [WORD_RETRY_TEXT] = "Por favor, escreva a sua resposta.",
             [WORD_RETRY_EMAIL] = "Isso não parece um endereço de e-mail. Deve ser como nome@example.com.",
             [WORD_RETRY_NUMBER] = "Por favor, responda com um número.",
             [WORD_RETRY_DATE] = "Não consegui ler essa data. Escreva-a assim: 2026-03-31.",
             [WORD_RETRY_PHONE] = "Isso não parece um número de telefone. Inclua o indicativo, por favor.",
             [WORD_RETRY_CHOICE] = "Por favor, escolha uma das opções.",
             [WORD_RETRY_PATTERN] = "Isso não parece correto. Verifique e tente novamente.",
         }},
    {.language = "it",
     .months = "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
     .day = " ",
     .year = " ",
     .word =
         {
             [WORD_FALLBACK] = "Mi dispiace, non ho capito. Può dirlo in un altro modo?",
             [WORD_DID_YOU_MEAN] = "Intendeva una di queste domande?",
             [WORD_RETRY_TEXT] = "Per favore, scriva la sua risposta.",
             [WORD_RETRY_EMAIL] = "Non sembra un indirizzo e-mail. Dovrebbe essere come nome@example.com.",
             [WORD_RETRY_NUMBER] = "Per favore, risponda con un numero.",
             [WORD_RETRY_DATE] = "Non sono riuscito a leggere questa data. La scriva così: 2026-03-31.",
             [WORD_RETRY_PHONE] = "Non sembra un numero di telefono. Includa il prefisso, per favore.",
             [WORD_RETRY_CHOICE] = "Per favore, scelga una delle opzioni.",
             [WORD_RETRY_PATTERN] = "Non sembra corretto. Controlli e riprovi.",
         }},
};

/* Regions share a row: "es-MX" finds "es". */
static const struct say_words *say_words_of(struct str language)
{
    ptrdiff_t dash = str_find(language, '-');
    if (dash >= 0)
        language.n = (size_t)dash;
    for (size_t i = 0; i < COUNT_OF(all_words); i++)
        if (str_ieq(language, str_from(all_words[i].language)))
            return &all_words[i];
    return NULL;
}

struct str word_get(enum say_word w, struct str language)
{
    const struct say_words *own = say_words_of(language);
    return str_from((own ? own : &all_words[0])->word[w]);
}

/* A zero before a day or year is dropped, because people do not write "04 March". A language without names of months
 * gets the ISO day, which is understood everywhere. */
void day_show(struct buf *out, struct str iso, struct str language)
{
    const struct say_words *own = say_words_of(language);
    struct str names = str_from(own ? own->months : ""), name = STR_EMPTY;
    int month = iso.n == 10 ? (iso.p[5] - '0') * 10 + iso.p[6] - '0' : 0;
    for (int i = 0; i < month; i++)
        str_split(&names, ' ', &name);
    if (!own || name.n == 0) {
        buf_str_add(out, iso);
        return;
    }
    struct str day = str_sub(iso, iso.p[8] == '0' ? 9 : 8, 2), year = str_sub(iso, 0, 4);
    while (year.n > 1 && year.p[0] == '0')
        year = str_sub(year, 1, year.n);
    buf_str_add(out, day);
    buf_puts(out, own->day);
    buf_str_add(out, name);
    buf_puts(out, own->year);
    buf_str_add(out, year);
}
