"""Formats of images: a file a format reads its header and counts its parts, before anything is decoded.

What a decoder does is bounded here, by what a file says of its kind, sizes and numbers: without that, files of a
hundred kilobytes keep one busy for minutes, or fill gigabytes. The bound: a second, and 64 MB beside the file and
16 bytes a pixel (which decoders of some formats need; most take 3 to 9). Nothing is decompressed, but codes of a GIF
and pixels of a PNG are counted where there are enough of them to matter.
"""
