from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from store.models import Product


def products(request):
    return HttpResponse(", ".join(Product.objects.values_list("name", flat=True)))


def product(request, slug):
    return HttpResponse(get_object_or_404(Product, slug=slug).name)


urlpatterns = [path("", products), path("<slug:slug>/", product)]
