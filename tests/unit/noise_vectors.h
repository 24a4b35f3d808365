/* noise_vectors.h - Noise_XK_25519_ChaChaPoly_BLAKE2b and Noise_XK_25519_AESGCM_BLAKE2b: the Noise specification's published
 * vectors (cacophony, vectors/cacophony.txt; and snow, tests/vectors/snow.txt). Numbers in hexadecimal. */
#ifndef NOISE_VECTORS_H
#define NOISE_VECTORS_H

#include "secure/aead.h"

#define VECTOR_MESSAGES 6

typedef struct vector {
    dc__cipher cipher;
    const char *source, *prologue, *init_static, *init_ephemeral, *resp_static, *resp_ephemeral,
        *init_remote_static, *hash;
    struct {
        const char *payload, *ciphertext;
    } message[VECTOR_MESSAGES]; /* NULL: no more */
} vector;

static const vector vectors[] = {
    {.prologue = "4a6f686e2047616c74",
     .init_static = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     .init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     .resp_static = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     .resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     .init_remote_static = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
     .hash = "d34784be40e90f33c524e69a3d1dc4155e159d86bf42f01c615d40beb0816b880f0a3e20825fec22de1d607231"
             "a315d90d355cd9e5ba7205a17b6e0e9f4b490d",
     .source = "cacophony",
     .message =
         {
             {"4c756477696720766f6e204d69736573",
              "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79442806e28405ac4325fcf8360748"
              "9496d6d326ab3fe084dbb1634f801405a69297"},
             {"4d757272617920526f746862617264",
              "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430ea4de2eff2cd3b1e7be5f7e79"
              "2d87395f0863722ab04ec030529d6c5820de"},
             {"462e20412e20486179656b",
              "ec9136de99472b49eda3ba9fe84882d48f131b27386784b3f45e9f103ad1b6efa2f2e95f0afce5d0d4c8052aed"
              "81438500be54a8fd8dd4f5ba04f7907b312701d0d687716a30b23c22f568"},
             {"4361726c204d656e676572", "d6ea0c3364ed480b415d44c3235fdb311dfa8d6e1dc1e6f3a76ee3"},
             {"4a65616e2d426170746973746520536179",
              "59f41ca9ea14a8305bae379bbdd8b4d5cf9bd308d2d7e042e2bf03c48dd910b37b"},
             {"457567656e2042f6686d20766f6e2042617765726b",
              "fa23ba8af343a3934c64219d3d0206d66894f7cdb180b738324608e15b0102095ed2f44d4b"},
         }},
    {.prologue = "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e"
                 "20616e6420626f72696e672e",
     .init_static = "b8a26a8b9294111fac72766e37a709f270e517a5fb2271211601f9dff928c005",
     .init_ephemeral = "fe940cbd5a43fb2028cd0848f2214a8a3ed9c1afd2ecf7e3ae9850684ed78856",
     .resp_static = "cfcbe6187ac3ab7d8ddb78875343a6434273ed61fa0fca0a1cfc5135d7a4d9b6",
     .resp_ephemeral = "19447f21a56eefba416df9edbfd1fc48226bc05c1875db7f24c79f7f0254cd9f",
     .init_remote_static = "e4db1b561c3bc2030f8a0274f5745c2152d0e220b5f3c610528f743665b9da3c",
     .source = "snow",
     .message =
         {
             {"6e1f6360d8c955d23404ba23e018b7bdc5b90f7a4efda84f7e44753baa618b39",
              "020e6dbce4a76491db13cec8c0a644eae62630b4e73e994cd22815979932624a9472d76a8a05a60af07035d116"
              "11dd664f3f65f27ed08c6617923e0e4de0b98185289f2551c7e3ad73deb6187aea3179"},
             {"5ecd36491cbcef8b4305b826792250724070767504057a1076ae5de8e07b2fe7",
              "d708fa0807a92da6bd78dcac5ecd2a61b39d1159f1c2fdcafd2b3cec8103807836b6e4a126bc8f5a3eba6898e8"
              "4c8dc11a415ac81dea9d7337fc876709ae839b6bc56fd4beaeb085b6355d7f3c8a0191"},
             {"904a02f479ba05235f77eb76f914937789fa20a8b55bc3ddb202e401cc34d550",
              "22a953e4e6d4f09603aab3975ad52a7ef47cd78afbcb6b3e982bc461c7b9d5372d337fd16323dd098e45d624cf"
              "dcc8607b41fe0143ece3f2a5f82f3fc2f9cd2862e9227e86cf766923be955dd1c12902e7a45b3c5aabbc764f7a"
              "4f714db2f22e"},
             {"8e03cdcd31d3970354c9d86c15ca861d71f62059f20e0d96cb4eb87fb24339b8",
              "1fac05bce8897f907e998817ef180ce97e2f37677e527c0fb2e8811db381a7db1d915e2b7f74099d6f206dd6c0"
              "e984c5"},
             {"8f34e3e3703aec694ebadad5424239d830a206a59e3d05eb26affa9ad2f233ec",
              "233ed4714c82211ae7c7ce4e728edac349fff4aa3df3ead668c0324fb73f9aef68a4d473cb0c2ce7b4e19b3267"
              "8b8d1e"},
         }},
    {.cipher = DC__AES_GCM,
     .prologue = "4a6f686e2047616c74",
     .init_static = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     .init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     .resp_static = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     .resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     .init_remote_static = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
     .hash = "91864f1377092a7e279827302e2a7255f152e93dd284cf745b14b37bb3a0c084699a9359748084ad41298d97d6"
             "a0ec13bfdd56c8cb8b1f13750f08aab558d93e",
     .source = "cacophony",
     .message =
         {
             {"4c756477696720766f6e204d69736573",
              "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944ad6293fa1173853daa7c1d9062"
              "bedb9c990a032eae2491f6175f437a9b4e0f2d"},
             {"4d757272617920526f746862617264",
              "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088437bfc7ebe6ef560d4b9697f28c8"
              "6f9f1bc71f46bd2172bbc578e68a6cd1e51d"},
             {"462e20412e20486179656b",
              "f0f0473709ee82b8bc32f256c4db39efffe74331e3eba24801795e9101ef3761e4d4e34e17104ef9fb3c78e984"
              "bb2ad995eed94b10b72fc23944b9c044136af24bf65cd8706c0bfe345e39"},
             {"4361726c204d656e676572", "d3b1fb197c89dd57f2ad4e3aad1700b5d175ff554009c2b1cdbb25"},
             {"4a65616e2d426170746973746520536179",
              "c24dfea06769cc94d3eb5ca9867bc28d905e6dc9ee48aa989a657566ef524066f6"},
             {"457567656e2042f6686d20766f6e2042617765726b",
              "ef0a20ffe6430b540290012635741659bb85de0b79617a4f21ee708a74b6d6221c791d6429"},
         }},
    {.cipher = DC__AES_GCM,
     .prologue = "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e"
                 "20616e6420626f72696e672e",
     .init_static = "3f476bcd6e065f723c81f0fbb94def18a3e712dac6630a336ea041de3b7e44d9",
     .init_ephemeral = "f4e29d0934a576a8ec996c8e02ccd5161038aec773a42c355a658fff921b72a4",
     .resp_static = "afd91c582b8ed9f35998c039765937c1a562145432d883eb7301eac257fabab1",
     .resp_ephemeral = "a8283d82e0db0056170645663ff5cf4888b17428ea35c6f12d5bc6ce4430e670",
     .init_remote_static = "bc5407a44baa0b1c3cb29daa155bbcc63dd52d82b5c60728246f472c02af5e63",
     .source = "snow",
     .message =
         {
             {"204ea2ffeb5714a398ebcd1c872fdd208c17d7a4c6700b5a18a093e7e6ec1fad",
              "2c11d2efad7a793ff3a3139df79d5057f55abfdad82c3c379cbd170086ccb967419e1d3c837c6bf9df7f2d8764"
              "c1a440d4d92110cf4799a2e8b5e0ed19db233e83487c667de167be9741aef1737e91ab"},
             {"51e4ffe7792c1822a3a6f3ac68de3ffb31a59261aac0a07c04c001612d99e53d",
              "866c1d99860d164969f2937d9fdb26fc312da1bf8a7e88c0a0ab2d555a2e731900c1917f4444d7c55e03dec9c8"
              "8898f4225f5233e97080680da86cc4ae0c8635fea2291a6d2fb01bb6f0f29a71144b9b"},
             {"6aef9011e78dc303f4da37fa91da605dd44a5ebe2239ceaa59d58d0f2f37f965",
              "4dd42b0569613c3f704e63edc42ceaada22046c3cd1d138ac0524bf85570e2d8eb9809e897f48c50736342465c"
              "7861b73ba22d255600748d8979aa5f393caa2c45d4d47c7d2e2e7caa48d61db66aab2af77669b25c7c02277810"
              "a29b0d47b7ca"},
             {"ca2f08eaeb4714215d11fc44f9bf5e612a068416c7ce6b858d442a69336c8d59",
              "aaf5f9842aae0423b18f6a3b6aaa08bc4b69cff7d2106ad02fdc9bf2e38c0770d4bd90dcd15038740ce6a7fec7"
              "3e566e"},
             {"b340f2ffd5428866e550d46c3b39ebad70f6bf31ee2f0e6bc369c6960675023a",
              "f382138f618579829bb787b28aa325045ab608580c5af93e8089c4a8864c83fb00d69f24a889b7683e36dd9af6"
              "70954a"},
         }},
};

#endif
